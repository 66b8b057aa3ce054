"""The waiting room before an alarm: whose suppression waits, and the end of that where no alarm came.

Who waits is pending, and no alert holds it. All of it rests on the times of reports: on how many of a group came before
one, within the window, and it ends a `wait` after it, whenever somebody looks. Where the alarm comes, the outage holds
who waits as all others.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, exists, literal_column, select

from bounce_watcher.ledger import alerts, apply
from bounce_watcher.ledger.apply import Change
from bounce_watcher.ledger.books import Announce, Books
from bounce_watcher.ledger.engine import write
from bounce_watcher.ledger.statements import Key
from bounce_watcher.ledger.tables import HELD, SUPPRESSION
from bounce_watcher.model.grounds import Grounds, ProtectedMeanwhile, Subject, Waits, unwaited
from bounce_watcher.model.ledger import BounceEvent, By, RecipientRecord, State
from bounce_watcher.policy import guard
from bounce_watcher.policy.exclusion import domain_protected
from bounce_watcher.policy.limits import SLOT, GuardSettings
from bounce_watcher.policy.spells import Limit, slot_of

_BATCH = 500
"""Recipients decided on in one transaction, so that nobody waits long for the lock."""

_WAIT = select(SUPPRESSION.c.stream, SUPPRESSION.c.recipient_key, SUPPRESSION.c.recipient).where(
    SUPPRESSION.c.state == literal_column("'pending'"),  # written out: only so the partial index fits
    ~exists().where(HELD.c.recipient_key == SUPPRESSION.c.recipient_key, HELD.c.stream == SUPPRESSION.c.stream),
)


@dataclass(slots=True)
class Group:
    """One series of a page. `counts` are by slot, the page's own with them; `new` are the slots of its own, in order.

    `places` tells by event how many of the page's own had come with it.
    """

    counts: Counter[int] = field(default_factory=Counter)
    new: list[int] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def add(self, event: BounceEvent, *, counts: bool) -> None:
        """To be called in the order in which the page is decided on."""
        if counts:
            self.new.append(slot_of(event.at))
        self.places[event.id] = len(self.new)

    def rank(self, event: BounceEvent, window: timedelta) -> int:
        """How many of the series there were by then, within the window: what came later in the page is none of them."""
        last = slot_of(event.at)
        total = sum(self.counts[slot] for slot in range(last - window // SLOT + 1, last + 1))
        return total - (bisect_right(self.new, last) - self.places[event.id])


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who of a page waits. `limit_at` tells what is held against a series in a slot, None while the ledger learns."""

    groups: Mapping[Subject, Group]
    limit_at: Callable[[Subject, int], Limit | None]
    settings: GuardSettings

    def waits(self, grounds: Grounds, event: BounceEvent) -> Waits | None:
        """`grounds` with the figures for which a suppression waits; None where it does not."""
        return next(self._waits(grounds, event), None)

    def _waits(self, grounds: Grounds, event: BounceEvent) -> Iterator[Waits]:
        if not self.settings.wait:
            return
        for subject in guard.subjects(event):
            group = self.groups.get(subject)
            if group is None or event.id not in group.places:
                continue
            rank = group.rank(event, self.settings.window)
            if rank < self.settings.wait_min:
                continue  # no need to ask what is usual
            limit = self.limit_at(subject, slot_of(event.at))
            if limit and guard.waits(rank, limit, self.settings):
                until = event.at + self.settings.wait
                yield guard.waiting(grounds, subject, rank, limit, until, self.settings)


def ended(record: RecipientRecord, now: datetime, wait: timedelta) -> Change:
    """The suppression of one whom no alert holds, put in force if its wait is over by `now`."""
    waiting = record.suppression
    if waiting is None or waiting.state is not State.PENDING or waiting.since + wait > now:
        return Change(record)
    over = waiting.since + wait
    if record.protected:
        return apply.release(record, over, ProtectedMeanwhile(domain_protected(record.protected)))
    return apply.confirm(record, over, unwaited(waiting.grounds))


def end_waits(engine: Engine, now: datetime, wait: timedelta, announce: Announce) -> int:
    """Puts in force what has waited long enough by `now`. Returns how many."""
    count = 0
    while confirmed := write(engine, lambda connection: _end_batch(connection, now, wait, announce)):
        count += confirmed
    return count


def _end_batch(connection: Connection, now: datetime, wait: timedelta, announce: Announce) -> int:
    alerts.lock(connection)  # or an alarm could begin to hold them in between
    chosen = _WAIT.where(SUPPRESSION.c.since <= now - wait).order_by(SUPPRESSION.c.since).limit(_BATCH)
    names = {Key(row.stream, row.recipient_key): row.recipient for row in connection.execute(chosen)}
    if not names:
        return 0
    books = Books(connection, names, announce, By.GUARD)
    for key, record in list(books.records.items()):
        books.enter(key, ended(record, now, wait))
    books.close()
    return len(names)
