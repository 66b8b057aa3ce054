"""Genuine bounces: Postfix and Exim meet a server that refuses in forty ways, and report it into a real mailbox.

One round a relay: all mails out, all reports in, one `poll`; then each test looks at what came of one reply.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pytest

from bounce_watcher.model.verdict import BounceType, Reason
from tests.integration.house import House, wait_until
from tests.servers import dovecot, exim, postfix, receiver, sink
from tests.servers.receiver import Received
from tests.servers.refusals import REFUSALS
from tests.servers.relay import ALIAS, BEHIND_ALIAS, Mail, Relay
from tests.servers.sink import Refusal

RELAYS: dict[str, Callable[[int, int], AbstractContextManager[Relay]]] = {
    "postfix": postfix.running, "exim": exim.running,
}
SEVERAL = ("r01", "r09", "r20")
AT_ONCE = {Reason.INVALID_RECIPIENT, Reason.MAILBOX_MOVED}
"""Reasons for which the default policy suppresses on the first bounce."""

Event = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What one round came to. `reports` is how many messages the relay put into the mailbox."""

    name: str
    relay: Relay
    reports: int
    events: list[Event]
    suppressed: set[str]
    filed: dict[str, int]
    requests: tuple[Received, ...]
    taken: list[str]

    def recipient(self, id: str) -> str:
        return f"{id}@{self.name}.example.org"

    def one_of_several(self, id: str) -> str:
        return f"{id}@several.{self.name}.example.org"

    def about(self, recipient: str, action: str = "failed") -> list[Event]:
        return [event for event in self.events if event["recipient"] == recipient and event["action"] == action]

    def only(self, recipient: str, action: str = "failed") -> Event:
        events = self.about(recipient, action)
        assert len(events) == 1, f"{recipient} {action}: {len(events)} events\n{self.relay.log()}"
        return events[0]


def mails(name: str) -> Iterator[Mail]:
    for refusal in REFUSALS:
        sender = f"returns+{refusal.id}@example.com" if refusal.stage == "MAIL" else "returns@example.com"
        yield Mail((f"{refusal.id}@{name}.example.org",), sender)
    yield Mail(tuple(f"{id}@several.{name}.example.org" for id in (*SEVERAL, "taken")))
    yield Mail((ALIAS,))


def take_lmtp(server: dovecot.Dovecot) -> None:
    """Lets LMTP find its users: it looks them up by the mechanism "none", which no log-in ever uses."""
    config = server.root / "dovecot.conf"
    config.write_text(config.read_text().replace("= plain login\n", "= plain login none\n"))
    server.stop()
    server.start()


@pytest.fixture(scope="module", params=sorted(RELAYS))
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    name: str = request.param
    root = tmp_path_factory.mktemp(name)
    with (
        dovecot.running(dovecot.Layout()) as mailboxes,
        sink.running(REFUSALS) as far_end,
        receiver.running() as platform,
        RELAYS[name](far_end.port, mailboxes.lmtp_port) as relay,
    ):
        take_lmtp(mailboxes)
        relay.send(mails(name))
        wait_until(relay.is_done, 60, f"all mail out of the queue of {name}")
        house = House(root, mailboxes, platform, f"sqlite:///{root}/ledger.db")
        house.configure()
        reports = len(mailboxes.messages(house.user))
        house.call("poll")
        assert mailboxes.messages(house.user) == []
        suppressed = {row["recipient"] for row in house.suppressions()}
        yield Outcome(
            name, relay, reports, house.events(), suppressed, house.filed(), platform.requests, far_end.accepted
        )


def assert_told(event: Event, refusal: Refusal, outcome: Outcome) -> None:
    """Status, code and words are the sink's; where its reply has no status, the field is what the relay wrote."""
    generic = outcome.relay.status_without_status(refusal.code, event["action"])
    assert event["status"] == (refusal.status or generic)
    assert event["code"] == refusal.code
    diagnostic = " ".join(event["diagnostic"].split())
    for words in refusal.words(event["recipient"]):
        assert " ".join(outcome.relay.printed(words).split()) in diagnostic
    assert event["reason"] == refusal.reason
    assert event["bounce_type"] == refusal.reason.bounce_type


@pytest.mark.parametrize("refusal", REFUSALS, ids=attrgetter("id"))
def test_event_says_what_the_server_said(outcome: Outcome, refusal: Refusal) -> None:
    event = outcome.only(outcome.recipient(refusal.id))
    assert event["kind"] == "bounce"
    assert_told(event, refusal, outcome)


@pytest.mark.parametrize("refusal", [refusal for refusal in REFUSALS if not refusal.is_final], ids=attrgetter("id"))
def test_passing_trouble_is_reported_as_delay_first(outcome: Outcome, refusal: Refusal) -> None:
    event = outcome.only(outcome.recipient(refusal.id), "delayed")
    assert event["kind"] == "delay"
    assert_told(event, refusal, outcome)


def test_several_recipients_of_one_mail(outcome: Outcome) -> None:
    events = [outcome.only(outcome.one_of_several(id)) for id in SEVERAL]
    for event, refusal in zip(events, (r for r in REFUSALS if r.id in SEVERAL), strict=True):
        assert_told(event, refusal, outcome)
    assert len({event["sent_message_id"] for event in events}) == 1


def test_alias_keeps_the_address_that_was_mailed(outcome: Outcome) -> None:
    event = outcome.only(ALIAS)
    assert event["final_recipient"] in {BEHIND_ALIAS, None}
    assert (event["status"], event["code"]) == ("5.1.1", 550)


def test_nobody_else_is_spoken_of(outcome: Outcome) -> None:
    mailed = {outcome.recipient(refusal.id) for refusal in REFUSALS}
    refused = mailed | {outcome.one_of_several(id) for id in SEVERAL} | {ALIAS}
    assert {event["recipient"] for event in outcome.events} == refused
    assert outcome.taken == [outcome.one_of_several("taken")]


def test_only_a_bad_address_is_suppressed(outcome: Outcome) -> None:
    bad = {outcome.recipient(refusal.id) for refusal in REFUSALS if refusal.reason in AT_ONCE}
    assert outcome.suppressed == bad | {outcome.one_of_several("r01"), ALIAS}
    spared = {event["recipient"] for event in outcome.events if event["bounce_type"] != BounceType.HARD}
    assert spared.isdisjoint(outcome.suppressed)
    told = [request for request in outcome.requests if request.type == "recipient.suppressed"]
    assert all(request.verified for request in told)
    assert sorted(request.data["recipient"] for request in told) == sorted(outcome.suppressed)


def test_every_report_is_filed(outcome: Outcome) -> None:
    assert outcome.filed["quarantine"] == 0
    assert sum(outcome.filed.values()) == outcome.reports
