"""One course of the model before several judges, and the account of what each of them did."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.judges import Judge
from tests.simulation.letters import Kind
from tests.simulation.model import START, Condition, Model, Report
from tests.simulation.verdict import Verdict

DAYS_AFTER = 9
"""Until the last report of the last mailing has come."""

FURTHER_MAILS = 2
"""How many more mails a dead mailbox may get after the first one."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one judge did. `found_after` maps the dead that were found to the mails that each got before.

    `missed` are the dead that got more than `FURTHER_MAILS` further mails and were never found. A dead one that the
    end of the model came too early for is in neither. `good_suppressed` were ever given up wrongly; `missed_mail`
    of them were so when a mailing went out, `still_suppressed` are so at the end. `paused` were given up for a time
    while their mailbox took no mail. `heeded` of `complaints` that were not forged ended in a suppression.
    """

    name: str
    good: int
    good_suppressed: frozenset[int]
    missed_mail: frozenset[int]
    still_suppressed: frozenset[int]
    paused: int
    found_after: dict[int, int]
    missed: frozenset[int]
    mails_to_dead: int
    forged: int
    forged_believed: int
    complaints: int
    heeded: int

    @property
    def found_in_time(self) -> float:
        """The share of the dead that was found with so few further mails."""
        in_time = sum(mails <= 1 + FURTHER_MAILS for mails in self.found_after.values())
        return in_time / max(1, len(self.found_after) + len(self.missed))


@dataclass(slots=True)
class _Seat:
    """A judge with the mail that is still to come to it."""

    judge: Judge
    inbox: list[Report] = field(default_factory=list)
    mails: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    found_after: dict[int, int] = field(default_factory=dict)
    mails_to_dead: int = 0

    def take(self, now: datetime) -> None:
        self.inbox.sort()
        due = bisect_left(self.inbox, now, key=lambda report: report.at)
        self.judge.take(self.inbox[:due], now)
        del self.inbox[:due]

    def look_for_the_dead(self) -> None:
        """Who was mailed since it died and is given up now has been found."""
        for number in self.judge.given_up & self.mails.keys():
            self.found_after.setdefault(number, self.mails[number])

    def mail_the_dead(self, dead: Sequence[int], given_up: set[int]) -> None:
        for number in dead:
            if number not in given_up:
                self.mails_to_dead += 1
                self.mails[number] += number not in self.found_after


def run(model: Model, judges: Sequence[Judge], progress: Callable[[int], None] = lambda day: None) -> list[Account]:
    """The whole of the model's days. `progress` is told each day."""
    seats = [_Seat(judge) for judge in judges]
    complained: dict[int, datetime] = {}
    forged = 0
    for day in range(model.days + DAYS_AFTER):
        now = START + timedelta(days=day)
        for seat in seats:
            seat.take(now)
            seat.look_for_the_dead()
        if model.has_mailing(day):
            given_up = [seat.judge.given_up for seat in seats]
            dead = _dead_when_mailed(model, now)
            for seat, out in zip(seats, given_up, strict=True):
                seat.mail_the_dead(dead, out)
            for report in model.send(day):
                forged += report.is_forged
                if report.kind is Kind.COMPLAINT and not report.is_forged:
                    complained.setdefault(report.recipient.number, report.at)
                for seat, out in zip(seats, given_up, strict=True):
                    if report.is_forged or report.recipient.number not in out:
                        seat.inbox.append(report)
        progress(day)
    return [_account(model, seat, complained, forged) for seat in seats]


def _dead_when_mailed(model: Model, mailing: datetime) -> list[int]:
    return [
        each.number for each in model.recipients
        if each.condition(mailing + each.place) is Condition.DEAD and not each.is_forger
    ]


def _account(model: Model, seat: _Seat, complained: dict[int, datetime], forged: int) -> Account:
    verdicts = list(seat.judge.verdicts())
    wrong = [each for each in verdicts if is_wrong(each, model, complained)]
    ever = _numbers(wrong)
    return Account(
        name=seat.judge.name,
        good=sum(each.condition(START) is not Condition.DEAD and not each.is_forger for each in model.recipients),
        good_suppressed=ever,
        missed_mail=_numbers(each for each in wrong if any(each.holds(mailing) for mailing in model.mailings)),
        still_suppressed=_numbers(each for each in wrong if each.ended is None),
        paused=len(_numbers(each for each in verdicts if not each.for_good) - ever),
        found_after=seat.found_after,
        missed=frozenset(
            number for number, mails in seat.mails.items()
            if number not in seat.found_after and mails > 1 + FURTHER_MAILS
        ),
        mails_to_dead=seat.mails_to_dead,
        forged=forged,
        forged_believed=seat.judge.forged_believed(),
        complaints=len(complained),
        heeded=len(complained.keys() & _numbers(verdicts)),
    )


def _numbers(verdicts: Iterable[Verdict]) -> frozenset[int]:
    return frozenset(each.number for each in verdicts)


def is_wrong(verdict: Verdict, model: Model, complained: dict[int, datetime]) -> bool:
    """A living mailbox that nobody complained from, unless it takes no mail now and the verdict ends by itself."""
    recipient = model.recipients[verdict.number]
    condition = recipient.condition(verdict.at)
    complaint = complained.get(verdict.number)
    if recipient.is_forger or condition is Condition.DEAD or (complaint is not None and complaint <= verdict.at):
        return False
    return condition is Condition.WELL or verdict.for_good
