"""The general grammar of notices: whom it accuses, in whose words, and what it leaves alone."""

import pytest

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.parsing.message import parse
from bounce_watcher.recognition import recognise
from bounce_watcher.recognition.vocabulary import folded, states_failure
from tests.parsing.samples import notice

SORRY = "Your message could not be delivered.\n\n"


def told(text: str) -> dict[str | None, tuple[Action | None, str]]:
    """Each recipient with its action and its words."""
    reports = [finding.report for finding in recognise(parse(notice(text))).findings]
    return {each.recipient: (each.action, each.diagnostic_code or "") for each in reports}


@pytest.mark.parametrize(
    "named",
    [
        "A message sent by\n\n  <other@example.net>\n\ncould not be delivered to:\n",
        "The message was sent. The sender is <other@example.net>.\n",
        ">>> MAIL FROM:<other@example.net>\n<<< 250 Ok\n",
        ">>> RCPT TO:<other@example.net>\n<<< 250 Ok\n",
        "If you need help, contact other@example.net.\n",
    ],
)
def test_who_is_merely_named_has_not_failed(named: str) -> None:
    assert told(f"{SORRY}{named}\n<user@example.org>:\n550 5.1.1 No such user\n").keys() == {"user@example.org"}
    assert told(f"{SORRY}{named}").keys() <= {None}


def test_a_list_shares_the_reason_below_it_but_not_what_is_the_last_ones_own() -> None:
    shared = told(f"{SORRY}  a@example.org\n  b@example.org\n\nThe reason was:\n550 5.7.1 Go away\n")
    assert {words for _, words in shared.values()} == {"The reason was: 550 5.7.1 Go away"}
    own = told(f"{SORRY}  a@example.org\n  b@example.org\n    550 5.1.1 No such user\n")
    assert "5.1.1" in own["b@example.org"][1]
    assert "5.1.1" not in own["a@example.org"][1]


def test_of_several_places_that_with_a_reply_counts() -> None:
    listed = "a@example.org\nb@example.org\n\n"
    text = f"{SORRY}{listed}a@example.org\n#550 5.1.1 gone ##\n\nb@example.org\n#552 5.2.2 full ##\n"
    assert [words for _, words in told(text).values()] == ["#550 5.1.1 gone ##", "#552 5.2.2 full ##"]


def test_sections_tell_who_waits_and_who_has_failed() -> None:
    text = (
        "----- The following addresses had permanent fatal errors -----\na@example.org\n\n"
        "----- The following addresses had transient non-fatal errors -----\nb@example.org\n"
    )
    assert [action for action, _ in told(text).values()] == [Action.FAILED, Action.DELAYED]


@pytest.mark.parametrize(("author", "kind"), [("mailer-daemon", Kind.BOUNCE), ("postmaster", Kind.OTHER)])
def test_a_mailer_daemon_need_not_tell_of_the_failure_in_words_that_are_known(author: str, kind: Kind) -> None:
    head = f"Return-Path: <>\nFrom: {author}@example.net\nTo: news@example.com\nSubject: Your mail\n\n"
    assert recognise(parse(f"{head}Nothing of that name here: user@example.org is unknown.\n".encode())).kind is kind


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("Doruceni na user@example.org se nezdarilo, neni mozne je dorucit", True),
        ("Das kam an: es war nicht leicht. Zugestellt um acht", False),
        ("Wiadomosci nie udalo sie nikomu dostarczyc", True),
        ("Wiadomosc dostarczona", False),
    ],
)
def test_a_word_of_delivery_fails_with_a_denial_in_its_sentence(text: str, fails: bool) -> None:
    assert states_failure(folded(text)) is fails
