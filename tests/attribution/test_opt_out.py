"""Whom we mailed, as an opt-out by mail shows it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bounce_watcher.attribution.attribute import attribute_opt_out
from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.address import parse_address
from bounce_watcher.model.finding import UNTOLD, Attribution, Authenticity, Evidence
from bounce_watcher.parsing.message import parse
from bounce_watcher.words.grounds import doubt as said
from tests.facts import DOUBT

SETTINGS = AttributionSettings(return_path="returns@example.com", token_keys=(b"0123456789abcdef",))
USER, LONG = "user@example.org", "a.person.with.a.rather.long.name@department.example.org"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
TODAY = NOW.date()


def asked(
    to: str, sender: str | None = USER, settings: AttributionSettings = SETTINGS, genuine: Authenticity = UNTOLD
) -> Attribution:
    message = parse(f"From: {sender}\nTo: {to}\nSubject: unsubscribe\n\n".encode())
    return attribute_opt_out(message, parse_address(sender) if sender else None, settings, at=NOW, genuine=genuine)


def token(recipient: str = USER, day: date = TODAY) -> str:
    return make_return_path(SETTINGS, recipient, "news", "s1", day=day)


@pytest.mark.parametrize("sender", [USER, "private@example.net", None])
def test_a_token_names_who_was_mailed_whoever_writes(sender: str | None) -> None:
    found = asked(token(), sender)
    assert (found.recipient, found.evidence, found.stream, found.sending) == (USER, Evidence.TOKEN, "news", "s1")


def test_a_digest_names_the_sender_it_was_made_for_and_nobody_else() -> None:
    assert token(LONG).startswith("returns+d")
    found = asked(token(LONG), LONG.upper())
    assert (found.recipient.lower(), found.evidence, found.doubt) == (LONG, Evidence.TOKEN, None)
    other = asked(token(LONG), USER)
    assert (other.recipient, other.evidence) == ("", Evidence.PROSE)
    assert other.doubt is not None
    assert "for another recipient" in said(other.doubt)


def test_plain_verp_names_without_proof() -> None:
    verp = replace(SETTINGS, verp_paths=("news@example.com",))
    found = asked("news+user=example.org@example.com", "private@example.net", verp)
    assert (found.recipient, found.evidence, found.doubt) == (USER, Evidence.VERP, None)


def test_nothing_of_ours_names_nobody() -> None:
    for to in ("news@example.com", "returns@example.com"):
        found = asked(to)
        assert (found.recipient, found.doubt) == ("", None)


def test_forged_and_old_tokens_name_nobody_and_are_doubted() -> None:
    forged = f"returns+r{'a' * 12}{token()[len('returns+r') + 12:]}"
    for to in (forged, token(day=TODAY - timedelta(days=91))):
        found = asked(to)
        assert (found.recipient, bool(found.doubt)) == ("", True)


def test_a_sender_whose_server_calls_it_forged_is_doubted_unless_a_token_proves_more() -> None:
    failed = Authenticity(failure=DOUBT)
    assert asked("news@example.com", genuine=failed).doubt == DOUBT
    assert asked(token(), genuine=failed).doubt is None
