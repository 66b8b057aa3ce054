"""A model of recipients, of what becomes of their mailboxes, and of the reports that come of mailing to them.

What is modelled, and at what rates. They are those that senders of newsletters report: a list loses a fifth of its
addresses a year, one mail in a few thousand brings a complaint, one in a few hundred an answer by a machine.

- A newsletter goes to everybody on Mondays, Wednesdays and Fridays from 08:00 UTC, spread over eight hours; each
  recipient has a place of its own in that. Who is suppressed at 08:00 is not mailed.
- Eight providers, from one with a third of the recipients to a rest that has domains of its own. Each says "unknown",
  "full" and "disabled" in its way, for good or for now, and its refusals come back in one of four forms: from our own
  server, within two minutes, or from a system that took the mail first, within two hours; 2 % of those within 3 days.
- Dead mailboxes: 2 % from the start, 1.5 % more a month. A dead one is unknown (90 %) or disabled (10 %); among the
  domains of their own unknown (50 %), without a domain (47 %), or behind a server that answers no more (3 %).
- Full mailboxes that recover: 1.5 % a month begin to be full, for 10 days at the mean (exponential).
- Mailboxes that are away (their server does not answer): 1 % a month, for 6 hours to 6 days.
- What is refused for now is tried for five days: after four hours comes a notice of the delay, after five days a
  failure, unless the mailbox took it meanwhile. A mailbox that dies or fills up while mail waits changes nothing.
- By the mail: an automatic answer 3 in 1,000, a complaint (ARF) 2 in 10,000, a rate limit that a relay gives up on
  3 in 10,000, greylisting likewise 2 in 10,000, a refusal of the content 2 in 10,000.
- A blocklist: the third provider refuses everything for four days, the dead mailboxes with the rest.
- An outage: for seven hours of a mailing the largest provider calls 70 % of its mailboxes unknown (5.1.1). That is
  what Gmail did on 14 and 15 December 2020.
- Forged reports: one for every hundred genuine ones that mailing to everybody for ever would bring. They name a
  recipient drawn at random: without a token, with a damaged one, or with one that the forger got as a recipient
  himself; then the victim stands in Original-Recipient and Final-Recipient, or in the latter alone. That last form is
  the one that a forwarder writes, and it proves a failure of the forger's own address: what comes of that is his doing,
  so forgers count neither as good nor as dead. One in five is a complaint.

What is not modelled: mailboxes that swallow mail, providers that lie about a single mailbox, reports that get lost. Of
the first nothing can be known, the second is rare, and the third delays what comes next.

The model never looks at who is suppressed: it tells what would come of mailing everybody, and each judge gets the part
that comes of the mails that it would have sent. So all of them judge the same course of the world.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from itertools import accumulate

from tests.simulation.letters import Kind, Reply, Writer

START = datetime(2025, 1, 6, 8, tzinfo=UTC)
"""A Monday: the first mailing. All of the model lies in the past, as a message from the future is none."""

MAILING_WEEKDAYS = frozenset({0, 2, 4})
MAILING_TAKES = timedelta(hours=8)
MONTH = timedelta(days=30)

DEAD_FROM_START = 0.02
DYING_A_MONTH = 0.015
FULL_A_MONTH, FULL_FOR = 0.015, timedelta(days=10)
AWAY_A_MONTH, AWAY_FROM, AWAY_TO = 0.01, timedelta(hours=6), timedelta(days=6)
COMPLAINT_WITHIN = timedelta(days=2)

_OWN_REPORT_WITHIN, _REPORT_WITHIN = timedelta(minutes=2), timedelta(hours=2)
_LATE_SHARE, _LATE_REPORT_WITHIN = 0.02, timedelta(days=3)

DELAY_NOTICE_AFTER, RETRIES_END_AFTER = timedelta(hours=4), timedelta(days=5)

OUTAGE_SHARE, OUTAGE_TAKES, OUTAGE_FROM = 0.7, timedelta(hours=7), timedelta(minutes=30)
BLOCKLIST_TAKES = timedelta(days=4)

FORGED_SHARE, FORGERS, FORGED_COMPLAINTS = 0.01, 20, 0.2


class Condition(Enum):
    """What a mailbox is at a moment. Only WELL takes mail."""

    WELL = auto()
    FULL = auto()
    AWAY = auto()
    DEAD = auto()


class Origin(Enum):
    """Whether a report is genuine, and if not, what its forger had."""

    GENUINE = auto()
    NO_TOKEN = auto()
    DAMAGED_TOKEN = auto()
    OTHERS_TOKEN = auto()          # the victim is named in both fields
    FORWARDED_TOKEN = auto()       # the victim is named in Final-Recipient alone


_FORGERIES = tuple(Origin)[1:]


@dataclass(frozen=True, slots=True)
class Provider:
    """`domain` None: each recipient has one of its own. `deaths`: what dead mailboxes answer, and how many of them."""

    domain: str | None
    share: float
    writer: Writer
    deaths: tuple[tuple[Reply, float], ...]
    full: Reply


def _unknown_or_disabled(unknown: str, disabled: str) -> tuple[tuple[Reply, float], ...]:
    return (Reply(unknown, "5.1.1"), 0.9), (Reply(disabled, "5.2.1"), 0.1)


DISABLED = "550 5.2.1 <{to}>: Mailbox disabled, not accepting messages"

SILENCE = Reply("connect to {mx}[203.0.113.5]:25: Connection timed out", "4.4.1", by_smtp=False)
NO_DOMAIN = Reply(
    "Host or domain name not found. Name service error for name={domain} type=AAAA: Host not found", "5.4.4",
    by_smtp=False,
)
FULL_FOR_GOOD = Reply("552 5.2.2 <{to}>: Recipient's mailbox is over quota", "5.2.2")
FULL_FOR_NOW = Reply("452 4.2.2 <{to}>: The recipient's inbox is out of storage space", "4.2.2")

PROVIDERS = (
    Provider("bigmail.example", 0.36, Writer.POSTFIX, _unknown_or_disabled(
        "550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking the "
        "recipient's email address for typos", DISABLED,
    ), FULL_FOR_NOW),
    Provider("hotbox.example", 0.18, Writer.POSTFIX, _unknown_or_disabled(
        "550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table", DISABLED,
    ), FULL_FOR_GOOD),
    Provider("portal.example", 0.12, Writer.POSTFIX, _unknown_or_disabled(
        "550 5.1.1 This user doesn't have an account here", DISABLED,
    ), FULL_FOR_GOOD),
    Provider("webpost.example", 0.10, Writer.EXIM, _unknown_or_disabled("550 5.1.1 No such user here", DISABLED),
             FULL_FOR_GOOD),
    Provider("office.example", 0.09, Writer.EXCHANGE, _unknown_or_disabled(
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", DISABLED,
    ), FULL_FOR_GOOD),
    Provider("suite.example", 0.06, Writer.GOOGLE, _unknown_or_disabled(
        "550 5.1.1 <{to}>: user does not exist", DISABLED,
    ), FULL_FOR_NOW),
    Provider("cable.example", 0.05, Writer.POSTFIX, _unknown_or_disabled(
        "550 5.1.1 <{to}>: unknown user", DISABLED,
    ), FULL_FOR_NOW),
    Provider(None, 0.04, Writer.POSTFIX, (
        (Reply("550 5.1.1 <{to}>: User unknown", "5.1.1"), 0.50), (NO_DOMAIN, 0.47), (SILENCE, 0.03),
    ), FULL_FOR_GOOD),
)
IN_OUTAGE, BLOCKING = PROVIDERS[0], PROVIDERS[2]

OUTAGE = IN_OUTAGE.deaths[0][0]
BLOCKED = Reply("554 5.7.1 Service unavailable; Client host [192.0.2.10] blocked using bl.example.net", "5.7.1")

_NO_REPLY = Reply("", "2.0.0")
_BY_THE_MAIL = (
    (Kind.AUTO_REPLY, _NO_REPLY, 0.003),
    (Kind.COMPLAINT, _NO_REPLY, 0.0002),
    (Kind.FAILED, Reply("421 4.7.28 Unusual rate of mail detected, try again later", "4.7.28"), 0.0003),
    (Kind.FAILED, Reply("450 4.2.0 <{to}>: Recipient address rejected: Greylisted, try again later", "4.2.0"), 0.0002),
    (Kind.FAILED, Reply("550 5.7.1 Message rejected because of its content: spam", "5.7.1"), 0.0002),
)
_ANYTHING = sum(rate for *_, rate in _BY_THE_MAIL)


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which a living mailbox takes no mail."""

    condition: Condition
    begins: datetime
    ends: datetime


@dataclass(slots=True)
class Recipient:
    """`place` is when in a mailing it gets its mail, `death` what its server says from `dies_at` on."""

    number: int
    address: str
    provider: Provider
    place: timedelta
    dies_at: datetime | None
    death: Reply | None
    spells: tuple[Spell, ...]
    is_forger: bool = False

    @property
    def is_always_well(self) -> bool:
        return self.death is None and not self.spells

    def spell(self, at: datetime) -> Spell | None:
        return next((spell for spell in self.spells if spell.begins <= at < spell.ends), None)

    def condition(self, at: datetime) -> Condition:
        if self.dies_at is not None and self.dies_at <= at:
            return Condition.DEAD
        spell = self.spell(at)
        return spell.condition if spell else Condition.WELL


@dataclass(frozen=True, slots=True, order=True)
class Report:
    """What one message says. `day` is the mailing that it comes of, None if forged. `holder`: whose token it bears."""

    at: datetime
    number: int
    kind: Kind = field(compare=False)
    recipient: Recipient = field(compare=False)
    reply: Reply = field(compare=False)
    day: int | None = field(compare=False)
    holder: Recipient = field(compare=False)
    origin: Origin = field(default=Origin.GENUINE, compare=False)

    @property
    def mail(self) -> int:
        """Names the mail that it is about."""
        return (self.day or 0) * 10_000_000 + self.holder.number

    @property
    def is_forged(self) -> bool:
        return self.origin is not Origin.GENUINE


class Model:
    """A world of `size` recipients for `days` days. The same seed makes the same world."""

    def __init__(self, size: int, days: int, seed: int) -> None:
        self._random = random.Random(seed)
        self.days = days
        self._numbers = 0
        self.outage = self._mailing_near(0.6) + OUTAGE_FROM
        self.outage_share = OUTAGE_SHARE
        self.blocklist = self._mailing_near(0.35) - timedelta(hours=20)
        self.recipients = [self._recipient(number) for number in range(size)]
        self._forgers = [each for each in self.recipients if each.dies_at is None and not each.spells][:FORGERS]
        for forger in self._forgers:
            forger.is_forger = True

    def _mailing_near(self, share: float) -> datetime:
        return START + timedelta(weeks=int(self.days * share / 7))

    def _recipient(self, number: int) -> Recipient:
        (provider,) = self._random.choices(PROVIDERS, [each.share for each in PROVIDERS])
        domain = provider.domain or f"d{number}.example"
        chance = self._random.random
        dies_at = self._death()
        ((death, _),) = self._random.choices(provider.deaths, [share for _, share in provider.deaths])
        spells = (
            *self._spells(Condition.FULL, FULL_A_MONTH, lambda: FULL_FOR * self._random.expovariate(1)),
            *self._spells(Condition.AWAY, AWAY_A_MONTH, lambda: AWAY_FROM + (AWAY_TO - AWAY_FROM) * chance()),
        )
        address, place = f"reader{number}@{domain}", MAILING_TAKES * chance()
        return Recipient(number, address, provider, place, dies_at, death if dies_at else None, spells)

    def _spells(self, condition: Condition, a_month: float, duration: Callable[[], timedelta]) -> Iterator[Spell]:
        begins = START + self._first_after(a_month)
        while begins < START + timedelta(days=self.days):
            ends = begins + duration()
            yield Spell(condition, begins, ends)
            begins = ends + self._first_after(a_month)

    def _death(self) -> datetime | None:
        if self._random.random() < DEAD_FROM_START:
            return START
        after = self._first_after(DYING_A_MONTH)
        return START + after if after < timedelta(days=self.days) else None

    def _first_after(self, a_month: float) -> timedelta:
        """When what happens to this share a month happens to one."""
        return MONTH * self._random.expovariate(a_month)

    def send(self, day: int) -> Iterator[Report]:
        """What comes of the mailing of that day, if everybody is mailed, and the forged reports that come besides."""
        begins = START + timedelta(days=day)
        if not self.has_mailing(day):
            return
        chance, refusing = self._random.random, self._refusing(begins)
        for recipient in self.recipients:
            luck = chance()
            if luck >= _ANYTHING and recipient.is_always_well and recipient.provider.domain not in refusing:
                continue
            sent = begins + recipient.place
            for after, kind, reply in self._outcome(recipient, sent, luck):
                yield self._report(sent + after, kind, recipient, reply, day)
                if self._random.random() < FORGED_SHARE:
                    yield self._forged(sent + after)

    def _refusing(self, begins: datetime) -> set[str | None]:
        """Providers that may refuse the living in the mailing that begins then."""
        times = (BLOCKING, self.blocklist, BLOCKLIST_TAKES), (IN_OUTAGE, self.outage, OUTAGE_TAKES)
        return {
            provider.domain for provider, since, takes in times
            if since < begins + MAILING_TAKES and begins < since + takes
        }

    def has_mailing(self, day: int) -> bool:
        return day < self.days and (START + timedelta(days=day)).weekday() in MAILING_WEEKDAYS

    @property
    def mailings(self) -> list[datetime]:
        """When each mailing begins."""
        return [START + timedelta(days=day) for day in range(self.days) if self.has_mailing(day)]

    def _outcome(self, recipient: Recipient, sent: datetime, luck: float) -> Iterator[tuple[timedelta, Kind, Reply]]:
        """The reports of one mail, each with its time after the mail was sent. `luck` is between 0 and 1."""
        provider = recipient.provider
        if provider is BLOCKING and self.blocklist <= sent < self.blocklist + BLOCKLIST_TAKES:
            yield self._soon(provider.writer), Kind.FAILED, BLOCKED
        elif recipient.death is not None and recipient.condition(sent) is Condition.DEAD:
            yield from self._refused(recipient, recipient.death, None)
        elif provider is IN_OUTAGE and luck < self.outage_share and self.outage <= sent < self.outage + OUTAGE_TAKES:
            yield self._soon(provider.writer), Kind.FAILED, OUTAGE
        elif (spell := recipient.spell(sent)) is not None:
            reply = provider.full if spell.condition is Condition.FULL else SILENCE
            yield from self._refused(recipient, reply, spell.ends - sent)
        elif luck < _ANYTHING:
            yield self._by_chance(recipient, luck)

    def _refused(
        self, recipient: Recipient, reply: Reply, lasts: timedelta | None
    ) -> Iterator[tuple[timedelta, Kind, Reply]]:
        """`lasts` is how much longer the mailbox takes no mail, None = for ever."""
        if reply.is_permanent:
            yield self._soon(recipient.provider.writer), Kind.FAILED, reply
            return
        if lasts is None or lasts > DELAY_NOTICE_AFTER:
            yield DELAY_NOTICE_AFTER, Kind.DELAYED, reply
        if lasts is None or lasts > RETRIES_END_AFTER:
            yield RETRIES_END_AFTER, Kind.FAILED, reply

    def _by_chance(self, recipient: Recipient, luck: float) -> tuple[timedelta, Kind, Reply]:
        bounds = accumulate(rate for *_, rate in _BY_THE_MAIL)
        kind, reply, _ = next(each for bound, each in zip(bounds, _BY_THE_MAIL, strict=True) if luck < bound)
        after = COMPLAINT_WITHIN * self._random.random() if kind is Kind.COMPLAINT else self._soon(Writer.POSTFIX)
        return after, kind, reply

    def _soon(self, writer: Writer) -> timedelta:
        """How long a report takes that nobody waits with: our own is there at once, others come later or late."""
        if writer is Writer.POSTFIX:
            return _OWN_REPORT_WITHIN * self._random.random()
        late = self._random.random() < _LATE_SHARE
        return (_LATE_REPORT_WITHIN if late else _REPORT_WITHIN) * self._random.random()

    def _report(
        self, at: datetime, kind: Kind, recipient: Recipient, reply: Reply, day: int | None,
        holder: Recipient | None = None, origin: Origin = Origin.GENUINE,
    ) -> Report:
        self._numbers += 1
        return Report(at, self._numbers, kind, recipient, reply, day, holder or recipient, origin)

    def _forged(self, at: datetime) -> Report:
        victim, forger = self._random.choice(self.recipients), self._random.choice(self._forgers)
        origin = self._random.choice(_FORGERIES)
        is_complaint = self._random.random() < FORGED_COMPLAINTS
        kind, reply = (Kind.COMPLAINT, _NO_REPLY) if is_complaint else (Kind.FAILED, victim.provider.deaths[0][0])
        return self._report(at, kind, victim, reply, None, forger, origin)
