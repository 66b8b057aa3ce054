"""A forger who knows the addresses of a list and not the key, and what he gets of the good ones.

The model's world (model.py) with its genuine reports alone, and beside them one attack that begins after ten days: so
the ledger knows what is usual. The list mails on to whoever is not given up. All attacks name good recipients only, in
mail of the forger's own making that reaches the mailbox over the mail server of the list, as any bounce does.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

from bounce_watcher.model.message import RawMessage
from bounce_watcher.model.sending import SentMail
from tests.simulation.judges import Watcher, watcher
from tests.simulation.letters import RETURNS, Kind
from tests.simulation.model import START, Condition, Model, Recipient, Report
from tests.simulation.run import DAYS_AFTER, is_wrong

BEGINS = START + timedelta(days=10)
DAY, MONTH = timedelta(days=1), timedelta(days=30)
SEED = 1

_WORDS = (
    "550 5.1.1 {to}: no such user at {word}", "550 5.1.1 unknown mailbox, {word}", "550 5.1.1 {word}: user unknown",
    "550 5.1.1 Recipient {to} rejected: account {word} does not exist", "550 5.1.1 no mailbox {word} here",
)


@dataclass(frozen=True, slots=True)
class Forgery:
    """One mail. `host` tells his machines apart; `is_varied` where neither words nor names are twice the same."""

    number: int
    at: datetime
    victims: tuple[Recipient, ...]
    host: int
    is_complaint: bool = False
    is_varied: bool = True
    knows_mail: bool = False

    def written(self) -> RawMessage:
        content = (self._complaint() if self.is_complaint else self._bounce()).encode()
        return RawMessage(f"forger#{self.number}", content, self.at, mailbox="returns", stream="news")

    @property
    def _name(self) -> str:
        return f"mx.h{self.host}.example"

    def _head(self, subject: str, form: str) -> str:
        date = format_datetime(self.at)
        ip = f"{11 + self.host // 65536}.{self.host // 256 % 256}.{self.host % 256}.7"
        return (
            f"Return-Path: <>\nDelivered-To: {RETURNS}\nReceived: from {self._name} ({self._name} [{ip}])\n"
            f"\tby mail.example.com (Postfix) with ESMTPS id 4F{self.number:08d}\n\tfor <{RETURNS}>; {date}\n"
            f"Date: {date}\nFrom: Mail Delivery System <mailer-daemon@{self._name}>\nTo: {RETURNS}\n"
            f"Subject: {subject}\nMessage-ID: <f{self.number}@{self._name}>\nAuto-Submitted: auto-replied\n"
            f'MIME-Version: 1.0\nContent-Type: multipart/report; report-type={form}; boundary="f{self.number}"\n\n'
        )

    def _returned(self) -> str:
        to = self.victims[0]
        name = message_id(to, 1) if self.knows_mail else f"{self.number}.news@example.com"
        return (
            f"--f{self.number}\nContent-Type: text/rfc822-headers\n\nFrom: Example News <news@example.com>\n"
            f"To: {to.address}\nSubject: What is new this week\nMessage-ID: <{name}>\n\n--f{self.number}--\n"
        )

    def _bounce(self) -> str:
        blocks = "".join(self._block(each, 1000 * self.number + n) for n, each in enumerate(self.victims))
        return self._head("Undelivered Mail Returned to Sender", "delivery-status") + (
            f"--f{self.number}\nContent-Type: text/plain\n\nYour message could not be delivered.\n\n"
            f"--f{self.number}\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; {self._name}\n{blocks}\n"
        ) + self._returned()

    def _block(self, to: Recipient, number: int) -> str:
        """With words and a receiver of its own, so that the outage guard sees no two alike."""
        words = _WORDS[number % len(_WORDS)] if self.is_varied else _WORDS[0]
        remote = f"Remote-MTA: dns; mx.r{number}.example\n" if self.is_varied else ""
        return (
            f"\nFinal-Recipient: rfc822; {to.address}\nAction: failed\nStatus: 5.1.1\n{remote}"
            f"Diagnostic-Code: smtp; {words.format(to=f'<{to.address}>', word=_word(number))}\n"
        )

    def _complaint(self) -> str:
        return self._head("Complaint", "feedback-report") + (
            f"--f{self.number}\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n"
            f"--f{self.number}\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"
            f"User-Agent: Loop/1.0\nOriginal-Rcpt-To: {self.victims[0].address}\n"
            f"Arrival-Date: {format_datetime(self.at)}\n\n"
        ) + self._returned()


def _word(number: int) -> str:
    """A word of letters alone, one for each number: what differs in digits alone is said alike."""
    letters = []
    for _ in range(4):
        number, letter = divmod(number, 26)
        letters.append(chr(ord("a") + letter))
    return "".join(letters)


def message_id(recipient: Recipient, mailing: int) -> str:
    return f"{mailing * 10_000_000 + recipient.number}.news@example.com"


Attack = Callable[[Sequence[Recipient]], Iterator[Forgery]]
"""From the good recipients to the mails of the forger."""


def _single(victims: Sequence[Recipient]) -> Iterator[Forgery]:
    yield Forgery(1, BEGINS, tuple(victims[:1000]), host=1)


def _large_ones(victims: Sequence[Recipient]) -> Iterator[Forgery]:
    for n in range(len(victims) // 50):
        yield Forgery(n, BEGINS + n * 50 * DAY / len(victims), tuple(victims[50 * n : 50 * n + 50]), host=n)


def _small(
    length: timedelta, *, hosts: int, times: int = 1, is_varied: bool = True, is_complaint: bool = False,
    knows_mail: bool = False,
) -> Attack:
    """One mail a victim, or several from other hosts, over a length of time. 0 hosts: each mail from one of its own."""
    def attack(victims: Sequence[Recipient]) -> Iterator[Forgery]:
        many = len(victims) * times
        for n in range(many):
            yield Forgery(
                n, BEGINS + n * length / many, (victims[n % len(victims)],), n % hosts if hosts else n, is_complaint,
                is_varied, knows_mail,
            )

    return attack


ATTACKS: dict[str, Attack] = {
    "no attack": lambda victims: iter(()),
    "one report, 1,000 recipients": _single,
    "reports of 50, one host each, a day": _large_ones,
    "small ones, one host, a day": _small(DAY, hosts=1, is_varied=False),
    "small ones, one host each, an hour": _small(timedelta(hours=1), hosts=0),
    "small ones, one host each, a day": _small(DAY, hosts=0),
    "small ones, one host each, a month": _small(MONTH, hosts=0),
    "the same three times over": _small(MONTH, hosts=0, times=3),
    "complaints, one host each, a day": _small(DAY, hosts=0, is_complaint=True),
    "complaints, one host each, a month": _small(MONTH, hosts=0, is_complaint=True),
    "guessed Message-IDs, a month": _small(MONTH, hosts=0, knows_mail=True),
}


@dataclass(frozen=True, slots=True)
class Siege:
    """What became of the world: `given_up` are the good recipients that were ever suppressed, `dead` were mailed."""

    attack: str
    mails: int
    given_up: frozenset[int]
    dead: int
    found: int
    held: int


def besieged(attack: str, *, size: int, days: int, tokens: bool) -> Siege:
    """One attack on one world. With `tokens` the genuine mail is signed and the configuration holds the key."""
    model = Model(size, days, SEED)
    model.outage_share = 0.0  # what an outage does is the other simulation's question
    good = [each for each in model.recipients if each.is_always_well and not each.is_forger]
    random.Random(SEED).shuffle(good)
    forged = sorted(ATTACKS[attack](good), key=lambda each: (each.at, each.number))
    with watcher(model, tokens=tokens) as ours:
        if any(each.knows_mail for each in forged):
            _tell_of_mail(ours, model)
        dead, found = _course(model, ours, forged)
        wrong = {each.number for each in ours.verdicts() if is_wrong(each, model, dead.complained)}
        held = sum(alert.held - alert.released - alert.confirmed for alert in ours.floods())
    return Siege(attack, len(forged), frozenset(wrong), len(dead.mailed), found, held)


@dataclass(slots=True)
class _Dead:
    mailed: set[int]
    complained: dict[int, datetime]


def _course(model: Model, ours: Watcher, forged: Sequence[Forgery]) -> tuple[_Dead, int]:
    """The days of the model. Returns who was dead when mailed, and how many of them are given up in the end."""
    inbox: list[Report] = []
    dead = _Dead(set(), {})
    coming = defaultdict[int, list[Forgery]](list)
    for forgery in forged:
        coming[(forgery.at - START) // DAY + 1].append(forgery)
    for day in range(model.days + DAYS_AFTER):
        now = START + day * DAY
        due = sorted(each for each in inbox if each.at < now)
        inbox = [each for each in inbox if each.at >= now]
        ours.take_mail([(each.at, ours.received(each)) for each in due]
                       + [(forgery.at, forgery.written()) for forgery in coming[day]], now)
        if not model.has_mailing(day):
            continue
        for each in model.recipients:
            if each.condition(now + each.place) is Condition.DEAD and not each.is_forger:
                dead.mailed.add(each.number)
        for report in model.send(day):
            if report.is_forged or report.recipient.number in ours.given_up:
                continue
            if report.kind is Kind.COMPLAINT:
                dead.complained.setdefault(report.recipient.number, report.at)
            inbox.append(report)
    return dead, len(dead.mailed & ours.given_up)


def _tell_of_mail(ours: Watcher, model: Model) -> None:
    """As the platform: each recipient was sent a mail, the Message-ID of which can be guessed."""
    for start in range(0, len(model.recipients), 1000):
        ours.tell_sent([
            SentMail(message_id(each, 1), each.address, "news", BEGINS - DAY)
            for each in model.recipients[start : start + 1000]
        ])


def table(pairs: Sequence[tuple[Siege, Siege]]) -> str:
    """Of each attack the siege without a key and the one with it."""
    titles = ("attack", "mails", "given up", "held", "dead found", "with key: given up", "dead found")
    rows = [titles, *(
        (bare.attack, f"{bare.mails:,}", f"{len(bare.given_up):,}", f"{bare.held:,}", f"{bare.found} of {bare.dead}",
         f"{len(keyed.given_up):,}", f"{keyed.found} of {keyed.dead}") for bare, keyed in pairs
    )]
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    return "\n".join(
        "  ".join(cell.rjust(width) if column else cell.ljust(width)
                  for column, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    )
