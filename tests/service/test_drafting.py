"""What a drafted rule would have done: told by the rules' own code and a rehearsal, on the stored corpus."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bounce_watcher.config import Settings
from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.review.groups import ReviewGroup, group_of
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent, State
from bounce_watcher.model.verdict import Reason
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.service.operations.drafting import RuleDraft, Trial, suggested, toml_of, tried
from tests.ledger.making import bounce, day, page

GONE, AWAY, FULL = (
    "554 5.0.0 <{}>: the zorp has been unplugged", "554 5.0.0 <{}>: another zorp has been unplugged, it seems",
    "552 5.2.2 <{}>: zorp has been unplugged, mailbox full",
)
DRAFT = RuleDraft("own.zorp", "invalid_recipient", "zorp has been unplugged")


def lost(number: int, recipient: str, text: str = GONE, reason: Reason = Reason.UNKNOWN) -> BounceEvent:
    said = text.format(recipient)
    return replace(bounce(f"{number:032x}", recipient, at=day(number), reason=reason, diagnostic=said),
                   status=said.split()[1], code=int(said[:3]))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as it:
        it.upgrade()
        yield it


SETTINGS = Settings(database_url=SecretStr(""))


def record(ledger: Ledger, *events: BounceEvent) -> None:
    ledger.recording.record(page(*events), decider(SETTINGS), announcer(SETTINGS))


def tried_on(ledger: Ledger, draft: RuleDraft = DRAFT, within: float = 60) -> Trial:
    return tried(SETTINGS, ledger, the_group(ledger), draft, day(40), within=within)


def the_group(ledger: Ledger) -> ReviewGroup:
    gid = group_of(lost(0, "a@example.org"))
    return next(each for each in ledger.review.groups(Query()) if each.gid == gid)


def test_what_it_matches_and_what_it_takes_from_others(ledger: Ledger) -> None:
    record(ledger, *(lost(n, f"u{n}@example.org") for n in (1, 2, 3)), lost(4, "v@example.org", AWAY),
           lost(5, "w@example.org", FULL, Reason.MAILBOX_FULL), lost(6, "x@example.org", "554 5.0.0 quux {}"))
    outcome = tried_on(ledger)
    assert (outcome.problems, outcome.matched, outcome.tried, outcome.looked_at) == ((), 3, 3, 6)
    assert outcome.others == {group_of(lost(4, "v@example.org", AWAY)): 1}
    ((rule, reason),) = outcome.taken
    assert (reason, outcome.taken[rule, reason]) == (Reason.MAILBOX_FULL, 1)
    (pair,) = outcome.pairs
    assert (pair.event.recipient, pair.before.reason, pair.after.reason) == (
        "w@example.org", Reason.MAILBOX_FULL, Reason.INVALID_RECIPIENT
    )
    assert tried_on(ledger, replace(DRAFT, code="554")).taken == {}
    assert tried_on(ledger, replace(DRAFT, remote="mx.example.org")).matched == 0


def test_who_would_be_suppressed_and_took_mail_since(ledger: Ledger) -> None:
    record(ledger, *(lost(n, address) for n, address in enumerate(["a@example.org", "b@example.org"] * 3, 1)),
           replace(bounce("d" * 32, "a@example.org", at=day(20), reason=None, kind=Kind.DELIVERED,
                          action=Action.DELIVERED), status="2.0.0", code=None))
    outcome = tried_on(ledger)
    after = outcome.consequence
    assert (after.suppressed, after.took_mail, after.released, after.decided, after.of) == (2, 1, 0, 6, 6)
    assert {each.state for name in "ab" for each in ledger.lists.recipients(f"{name}@example.org")} == {State.ACTIVE}
    assert the_group(ledger).mails == 6, "a trial changes nothing"
    mild = tried_on(ledger, replace(DRAFT, reason="spam")).consequence
    assert (mild.suppressed, mild.of) == (0, 6)


def test_when_the_time_is_up_it_tells_how_far_it_looked(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bounce_watcher.ledger.review.review.SAID_PAGE", 2)
    record(ledger, *(lost(n, f"u{n}@example.org") for n in range(1, 6)))
    outcome = tried_on(ledger, within=0)
    assert outcome.looked_back_to is not None
    assert outcome.matched == 5, "the group itself is always looked at"
    assert tried_on(ledger).looked_back_to is None


def test_what_is_older_than_ninety_days_is_not_asked(ledger: Ledger) -> None:
    record(ledger, lost(1, "a@example.org"), lost(39, "b@example.org"))
    outcome = tried(SETTINGS, ledger, the_group(ledger), DRAFT, day(39) + timedelta(days=89))
    assert outcome.looked_at == 1


def test_the_example_names_nobody_and_says_the_words(ledger: Ledger) -> None:
    events = [lost(1, "anna@example.net", "554 5.0.0 <{}>: quux"), lost(2, "anna@example.net")]
    assert "anna" not in toml_of(DRAFT, events, day(3))
    assert "zorp has been unplugged" in toml_of(DRAFT, events, day(3)).partition("examples")[2]
    record(ledger, *events)
    assert suggested(the_group(ledger), events) == RuleDraft(
        "own.the-zorp-has-been-unplugged", "invalid_recipient", "the zorp has been unplugged"
    )
