"""Genuine bounces: mail servers meet one that refuses in eighty ways, and report it into a real mailbox.

One round a relay, all of them at once: all mails out, all reports in, one `poll`; then each test looks at what came of
one reply.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from bounce_watcher.model.verdict import BounceType, Reason
from tests.families import for_each
from tests.integration.house import House, wait_until
from tests.servers import dovecot, receiver, sink
from tests.servers.dma import Dma
from tests.servers.exim import Exim
from tests.servers.opensmtpd import OpenSmtpd
from tests.servers.postfix import Postfix
from tests.servers.qmail import QmailLike
from tests.servers.receiver import Received
from tests.servers.refusals import REFUSALS, deviation
from tests.servers.relay import ALIAS, BEHIND_ALIAS, MAILBOX, Mail, Relay
from tests.servers.sendmail import Sendmail
from tests.servers.sink import Refusal

RELAYS: dict[str, type[Relay]] = {
    "postfix": Postfix, "exim": Exim, "opensmtpd": OpenSmtpd, "sendmail": Sendmail, "dma": Dma, "qmail": QmailLike,
}
ARCHETYPES = {"postfix", "exim"}
"""Those that are run by default: one that reports in the form of RFC 3464, one in words of its own."""
SEVERAL = ("r01", "r09", "r20", "r13")
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

    def about(self, recipient: str, action: str = "failed") -> list[Event]:
        return [event for event in self.events if event["recipient"] == recipient and event["action"] == action]

    def only(self, recipient: str, action: str = "failed") -> Event:
        events = self.about(recipient, action)
        assert len(events) == 1, f"{recipient} {action}: {len(events)} events\n{self.relay.log()}"
        return events[0]


def recipient(refusal: Refusal) -> str:
    return f"user@{refusal.domain}"


def one_of_several(id: str) -> str:
    return f"{id}@several.example.org"


def is_reported(name: str, refusal: Refusal) -> bool:
    """Whether the relay reports it at all; what it does not is not sent to it."""
    deviates = deviation(name, refusal)
    return deviates is None or deviates.failed is not None


def mails(name: str) -> Iterator[Mail]:
    for refusal in REFUSALS:
        if is_reported(name, refusal):
            yield Mail((recipient(refusal),))
    yield Mail(tuple(map(one_of_several, (*SEVERAL, "taken"))))
    if RELAYS[name].has_aliases:
        yield Mail((ALIAS,))


def take_lmtp(server: dovecot.Dovecot) -> None:
    """Lets LMTP find its users: it looks them up by the mechanism "none", which no log-in ever uses."""
    config = server.root / "dovecot.conf"
    config.write_text(config.read_text().replace("= plain login\n", "= plain login none\n"))
    server.stop()
    server.start()


@pytest.fixture(scope="module")
def rounds(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[dict[str, Future[Outcome]]]:
    names = set(RELAYS) if pytestconfig.getoption("--all") else ARCHETYPES
    with ThreadPoolExecutor(len(names)) as pool:
        yield {name: pool.submit(play, name, tmp_path_factory.mktemp(name)) for name in sorted(names)}


def play(name: str, root: Path) -> Outcome:
    with (
        dovecot.running(dovecot.Layout()) as mailboxes,
        sink.running(REFUSALS, mailboxes.lmtp_port, MAILBOX) as far_end,
        receiver.running() as platform,
        RELAYS[name].running(far_end, mailboxes.lmtp_port) as relay,
    ):
        take_lmtp(mailboxes)
        relay.send(mails(name))
        wait_until(relay.is_done, 90, f"all mail out of the queue of {name}")
        house = House(root, mailboxes, platform, f"sqlite:///{root}/ledger.db")
        house.configure()
        reports = len(mailboxes.messages(house.user))
        house.call("poll")
        assert mailboxes.messages(house.user) == []
        suppressed = {row["recipient"] for row in house.suppressions()}
        return Outcome(
            name, relay, reports, house.events(), suppressed, house.filed(), platform.requests, far_end.accepted
        )


@pytest.fixture(scope="module", params=[
    name if name in ARCHETYPES else pytest.param(name, marks=pytest.mark.whole) for name in RELAYS
])
def outcome(request: pytest.FixtureRequest, rounds: dict[str, Future[Outcome]]) -> Outcome:
    return rounds[request.param].result()


def assert_told(event: Event, refusal: Refusal, outcome: Outcome) -> None:
    """Status, code and words are the sink's; where its reply has no status, the field is what the relay wrote."""
    status = event["status"]
    assert status == refusal.status if refusal.status else outcome.relay.makes_up(status, event["action"])
    assert event["code"] == refusal.code
    diagnostic = "".join(event["diagnostic"].split())
    for words in refusal.words(event["recipient"]):
        assert "".join(outcome.relay.printed(words, refusal.charset).split()) in diagnostic


def assert_judged(event: Event, reason: Reason, why: str = "") -> None:
    assert event["reason"] == reason, why
    assert event["bounce_type"] == reason.bounce_type


def assert_reported(event: Event, refusal: Refusal, outcome: Outcome) -> None:
    """As the table demands, and in the words of the sink where the relay passes them on."""
    deviates = deviation(outcome.name, refusal)
    reason: Reason | None = getattr(deviates, event["action"], None)
    if deviates and reason:
        assert_judged(event, reason, deviates.why)
    else:
        assert_told(event, refusal, outcome)
        assert_judged(event, refusal.reason)


@for_each("refusal", REFUSALS, ids=attrgetter("id"))
def test_event_says_what_the_server_said(outcome: Outcome, refusal: Refusal) -> None:
    if not is_reported(outcome.name, refusal):
        assert outcome.about(recipient(refusal)) == []
        return
    event = outcome.only(recipient(refusal))
    assert event["kind"] == "bounce"
    assert_reported(event, refusal, outcome)


@for_each("refusal", [refusal for refusal in REFUSALS if not refusal.is_final], ids=attrgetter("id"))
def test_passing_trouble_is_reported_as_delay_first(outcome: Outcome, refusal: Refusal) -> None:
    if not outcome.relay.warns or not is_reported(outcome.name, refusal):
        assert outcome.about(recipient(refusal), "delayed") == []
        return
    event = outcome.only(recipient(refusal), "delayed")
    assert event["kind"] == "delay"
    assert_reported(event, refusal, outcome)


def test_several_recipients_of_one_mail(outcome: Outcome) -> None:
    events = [outcome.only(one_of_several(id)) for id in SEVERAL]
    for event, id in zip(events, SEVERAL, strict=True):
        assert_reported(event, next(refusal for refusal in REFUSALS if refusal.id == id), outcome)
    assert len({event["sent_message_id"] for event in events}) == 1


def test_alias_keeps_the_address_that_was_mailed(outcome: Outcome) -> None:
    if not outcome.relay.has_aliases:
        assert outcome.about(ALIAS) == []
        pytest.skip(f"{outcome.name} has no aliases")
    event = outcome.only(outcome.relay.alias_told)
    assert event["final_recipient"] in {BEHIND_ALIAS, None}
    assert (event["status"], event["code"]) == ("5.1.1", 550)


def test_nobody_else_is_spoken_of(outcome: Outcome) -> None:
    mailed = {address for mail in mails(outcome.name) for address in mail.recipients}
    assert {event["recipient"] for event in outcome.events} == spoken_of(outcome, mailed) - {one_of_several("taken")}
    assert outcome.taken == [one_of_several("taken")]


def spoken_of(outcome: Outcome, addresses: set[str]) -> set[str]:
    return {outcome.relay.alias_told if address == ALIAS else address for address in addresses}


def test_only_a_bad_address_is_suppressed(outcome: Outcome) -> None:
    spared = {event["recipient"] for event in outcome.events if event["bounce_type"] != BounceType.HARD}
    assert spared.isdisjoint(outcome.suppressed)
    assert ALIAS not in outcome.suppressed, "an alias may stand for others too"
    bad = {event["recipient"] for event in outcome.events if event["reason"] in AT_ONCE} - {ALIAS}
    assert outcome.suppressed == (bad if outcome.relay.is_believed else set())
    told = [request for request in outcome.requests if request.type == "recipient.suppressed"]
    assert all(request.verified for request in told)
    assert sorted(request.data["recipient"] for request in told) == sorted(outcome.suppressed)


def test_every_report_is_filed(outcome: Outcome) -> None:
    assert outcome.filed["quarantine"] == 0
    assert sum(outcome.filed.values()) == outcome.reports
