"""What the ledger holds against the list that one target keeps: where they differ, why, and what may be done.

A list there is not ours alone: people unsubscribe at the platform itself. So an address that stands there and not here
is released there only where we are known to have put it there, to have released it, and to have failed to say so.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, Engine, bindparam, func, or_, select, tuple_

from bounce_watcher.ledger import queue
from bounce_watcher.ledger.books import STATES_TOLD, Announce, Books
from bounce_watcher.ledger.comparing import Comparison, Entry, Side
from bounce_watcher.ledger.engine import reading, write
from bounce_watcher.ledger.forget import is_forgotten, names
from bounce_watcher.ledger.statements import IS_DUE, KEYS, Key, chunks
from bounce_watcher.ledger.tables import OUTBOX, RECIPIENT, SUPPRESSION
from bounce_watcher.ledger.types import recipient_key, storable
from bounce_watcher.model.grounds import ByPlatform, Grounds
from bounce_watcher.model.ledger import By, NoticeType, OutboxState, Scope, State, SuppressionSource
from bounce_watcher.policy import transitions

SETTLES = timedelta(hours=1)
"""So long a list there may still show whom it was told to release: platforms answer before all of them has heard."""

CLOCKS_DIFFER = timedelta(minutes=5)

_PAGE = 2000

_TOLD = (
    select(
        OUTBOX.c.recipient_key, OUTBOX.c.number, OUTBOX.c.id, OUTBOX.c.stream, OUTBOX.c.type, OUTBOX.c.state,
        OUTBOX.c.created_at, OUTBOX.c.last_answer,
    )
    .where(
        OUTBOX.c.recipient_key.in_(KEYS), OUTBOX.c.target == bindparam("target"), OUTBOX.c.type.in_(STATES_TOLD)
    )
    .order_by(OUTBOX.c.number)
)
_RELEASED = (
    select(RECIPIENT.c.recipient_key, func.max(RECIPIENT.c.released_at))
    .where(RECIPIENT.c.recipient_key.in_(KEYS))
    .group_by(RECIPIENT.c.recipient_key)
)
_STANDING = select(
    SUPPRESSION.c.recipient_key, SUPPRESSION.c.state, SUPPRESSION.c.source, SUPPRESSION.c.grounds
).where(SUPPRESSION.c.recipient_key.in_(KEYS))


class Case(StrEnum):
    """Why an address stands on one side alone."""

    SENDING = "sending"        # what makes them equal is on its way there
    MISSING = "missing"        # suppressed here, and not there
    DEAD = "dead"              # so, and the target refused it for good, or it was given up
    FORGOTTEN = "forgotten"    # so, but its address is known no longer
    WITHDRAWN = "withdrawn"    # so, because it stood there once, and it does no longer
    THEIRS = "theirs"          # it stands there, and not from us
    LEFT_OVER = "left_over"    # we put it there and released it, which the target never took
    LATELY = "lately"          # the target has just taken our release
    HELD = "held"              # we hold its suppression back
    ELSEWHERE = "elsewhere"    # it is suppressed here where this target is not told of it


MENDS: Mapping[Case, Side] = {
    Case.MISSING: Side.THERE, Case.DEAD: Side.THERE, Case.LEFT_OVER: Side.THERE, Case.THEIRS: Side.HERE,
}
"""Where each is mended; of what does not stand here nothing is mended."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One address that stands on `side` alone. `because` tells why in words.

    `stream` is told where we suppress it or did; `reason` and `since` (aware) as the target tells them. `again` is the
    id of the outbox row that need only be sent once more; `number` is that of the one by which it was suppressed there.
    """

    key: str
    address: str
    side: Side
    case: Case
    because: str
    stream: str | None = None
    reason: str | None = None
    since: datetime | None = None
    again: str | None = None
    number: int | None = None

    @property
    def mend(self) -> Side | None:
        return MENDS.get(self.case)


class Found(NamedTuple):
    """One entry of the target's own list."""

    address: str
    reason: str | None = None
    since: datetime | None = None


class _Notice(NamedTuple):
    """One row of the outbox that told the target of a state."""

    number: int
    id: str
    stream: str
    type: NoticeType
    state: OutboxState
    created_at: datetime
    answer: str | None

    @property
    def suppresses(self) -> bool:
        return self.type is NoticeType.SUPPRESSED

    @property
    def is_delivered(self) -> bool:
        return self.state is OutboxState.DELIVERED


class _Known(NamedTuple):
    """What the ledger knows of one key: what the target was told, in order; when it was released; how it stands.

    `is_theirs`: all that suppresses it here is that it once stood on the list there.
    """

    notices: Sequence[_Notice]
    released_at: datetime | None
    standing: frozenset[str]
    is_theirs: bool

    @property
    def put(self) -> _Notice | None:
        """The last notice by which the target took a suppression."""
        return next((each for each in reversed(self.notices) if each.suppresses and each.is_delivered), None)


class _Why(NamedTuple):
    """`again` as in Difference."""

    case: Case
    because: str
    again: str | None = None


class Mirror:
    """`take` the target's list page by page, then ask for the `differences`. Close it, or use it in a `with`.

    `streams` are those that the target is told of, () = all; what reaches all streams it is always told.
    """

    def __init__(self, engine: Engine, target: str, streams: Sequence[str], now: datetime) -> None:
        self._engine, self._target, self._streams, self._now = engine, target, streams, now
        self._lists = Comparison()
        self._last = self._note_moving()

    def take(self, entries: Iterable[Found]) -> int:
        """A page of the target's list. Returns how many of its addresses are new."""
        found = list(entries)
        with reading(self._engine) as connection:
            forgotten = names(connection, [each.address for each in found])
        return self._lists.add(Side.THERE, (
            Entry(
                recipient_key(forgotten.get(each.address, each.address)), storable(each.address), None,
                each.reason and storable(each.reason), each.since.isoformat() if each.since else None,
            )
            for each in found
        ))

    def read_here(self) -> None:
        """Whom the ledger suppresses where the target is told of it. To be called once, when its list is taken."""
        order = (SUPPRESSION.c.recipient_key, SUPPRESSION.c.stream)
        chosen = (
            select(*order, SUPPRESSION.c.recipient)
            .where(SUPPRESSION.c.state == State.SUPPRESSED, *self._mirrored()).order_by(*order).limit(_PAGE)
        )
        page = chosen
        while True:
            with reading(self._engine) as connection:
                rows = connection.execute(page).all()
            self._lists.add(Side.HERE, (Entry(row.recipient_key, row.recipient, row.stream) for row in rows))
            if len(rows) < _PAGE:
                return
            page = chosen.where(tuple_(*order) > (rows[-1].recipient_key, rows[-1].stream))

    def count(self, side: Side) -> int:
        return self._lists.count(side)

    def differences(self) -> Iterator[Difference]:
        """First what stands here alone, then what stands there alone, each by address. May be asked for again."""
        for side, judged in ((Side.HERE, self._missing), (Side.THERE, self._unknown)):
            for page in self._lists.only(side):
                known = self._known([entry.key for entry, _ in page])
                yield from (judged(entry, known[entry.key], moving) for entry, moving in page)

    def mend_there(self, differences: Sequence[Difference], announce: Announce, now: datetime) -> int:
        """Puts into the outbox what makes the target's list equal to ours. `announce` is for this target alone.

        Returns for how many of these. What has changed since then is left as it is.
        """
        wanted = [each for each in differences if each.mend is Side.THERE]
        return sum(
            write(self._engine, partial(_tell, wanted=part, announce=announce, now=now)) for part in chunks(wanted)
        )

    def close(self) -> None:
        self._lists.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _mirrored(self) -> list[Any]:
        if not self._streams:
            return []
        streams = [storable(stream) for stream in self._streams]
        return [or_(SUPPRESSION.c.scope == Scope.GLOBAL, SUPPRESSION.c.stream.in_(streams))]

    def _note_moving(self) -> int:
        """Notes whose state is on its way before the list is read. Returns the last number of the outbox by then."""
        last, chosen = 0, (
            select(OUTBOX.c.number, OUTBOX.c.recipient_key)
            .where(OUTBOX.c.target == self._target, IS_DUE, OUTBOX.c.type.in_(STATES_TOLD))
            .order_by(OUTBOX.c.number).limit(_PAGE)
        )
        with reading(self._engine) as connection:
            newest = connection.scalar(select(func.max(OUTBOX.c.number))) or 0
        while True:
            with reading(self._engine) as connection:
                rows = connection.execute(chosen.where(OUTBOX.c.number > last)).all()
            self._lists.note_moving(row.recipient_key for row in rows)
            if len(rows) < _PAGE:
                return newest
            last = rows[-1].number

    def _known(self, keys: Sequence[str]) -> Mapping[str, _Known]:
        notices: dict[str, list[_Notice]] = defaultdict(list)
        standing: dict[str, set[str]] = defaultdict(set)
        ours: set[str] = set()
        released: dict[str, datetime | None] = {}
        with reading(self._engine) as connection:
            for part in chunks(keys):
                for row in connection.execute(_TOLD, {"keys": part, "target": self._target}):
                    notices[row.recipient_key].append(_Notice(
                        row.number, row.id, row.stream, NoticeType(row.type), OutboxState(row.state), row.created_at,
                        row.last_answer,
                    ))
                released.update((key, at) for key, at in connection.execute(_RELEASED, {"keys": part}))
                for key, state, source, grounds in connection.execute(_STANDING, {"keys": part}):
                    standing[key].add(state)
                    if not self._is_from_there(source, grounds):
                        ours.add(key)
        return {
            key: _Known(notices[key], released.get(key), frozenset(standing[key]), key not in ours) for key in keys
        }

    def _is_from_there(self, source: str, grounds: Grounds) -> bool:
        is_listed = isinstance(grounds, ByPlatform) and grounds.target == self._target
        return is_listed and source == SuppressionSource.PLATFORM

    def _is_moving(self, known: _Known, moving: bool, *, suppresses: bool) -> bool:
        """Whether a state of this kind was decided, or on its way, when the lists were read."""
        newest = next((each for each in reversed(known.notices) if each.suppresses is suppresses), None)
        if newest is None or newest.state not in (OutboxState.DUE, OutboxState.DELIVERED):
            return False
        return newest.state is OutboxState.DUE or moving or newest.number > self._last

    def _missing(self, entry: Entry, known: _Known, moving: bool) -> Difference:
        why = self._why_not_there(entry, known, moving)
        return Difference(
            entry.key, entry.address, Side.HERE, why.case, why.because, entry.stream, again=why.again
        )

    def _why_not_there(self, entry: Entry, known: _Known, moving: bool) -> _Why:
        if is_forgotten(entry.address):
            return _Why(Case.FORGOTTEN, "its address was erased: nobody can tell it")
        if known.is_theirs:
            return _Why(Case.WITHDRAWN, "stood there once, which is why it is suppressed: see `suppressions remove`")
        if self._is_moving(known, moving, suppresses=True):
            return _Why(Case.SENDING, "on its way there" + _met(known.notices[-1]))
        if not known.notices:
            return _Why(Case.MISSING, "was never told of it")
        newest = known.notices[-1]
        if newest.suppresses and newest.state is OutboxState.DEAD:
            return _Why(Case.DEAD, f"did not take it{_met(newest)}", newest.id)
        return _Why(Case.MISSING, "was told of it and does not list it" if known.put else "never took it")

    def _unknown(self, entry: Entry, known: _Known, moving: bool) -> Difference:
        since, put = datetime.fromisoformat(entry.since) if entry.since else None, known.put
        why = self._why_there(known, moving, since)
        return Difference(
            entry.key, entry.address, Side.THERE, why.case, why.because, put and put.stream, entry.reason, since,
            why.again, put and put.number,
        )

    def _why_there(self, known: _Known, moving: bool, since: datetime | None) -> _Why:
        if State.PENDING in known.standing:
            return _Why(Case.HELD, "its suppression is held back here")
        if self._is_moving(known, moving, suppresses=False):
            return _Why(Case.SENDING, "its release is on its way there" + _met(known.notices[-1]))
        if known.put is None:
            return _Why(Case.THEIRS, "not from here")
        behind = [each for each in known.notices if each.number > known.put.number and not each.suppresses]
        if taken := next((each for each in behind if each.is_delivered), None):
            return _after_release(taken, since, self._now)
        if State.SUPPRESSED in known.standing:
            return _Why(Case.ELSEWHERE, "suppressed here in a stream that it is not told of")
        return _from_here(known.put, known.released_at, since, behind[-1] if behind else None)


def _after_release(taken: _Notice, since: datetime | None, now: datetime) -> _Why:
    """It took a release, and lists the address."""
    if since and since > taken.created_at + CLOCKS_DIFFER:
        return _Why(Case.THEIRS, "not from here: it was listed after our release")
    if now - taken.created_at < SETTLES:
        return _Why(Case.LATELY, "it took our release just now")
    return _Why(Case.THEIRS, "not from here: it took our release")


def _from_here(
    put: _Notice, released_at: datetime | None, since: datetime | None, release: _Notice | None
) -> _Why:
    """It took a suppression, and no release after it."""
    if released_at is None or released_at < put.created_at:
        return _Why(Case.THEIRS, "told from here and not released here")
    if since and not put.created_at - CLOCKS_DIFFER <= since <= released_at + CLOCKS_DIFFER:
        return _Why(Case.THEIRS, "not from here: it was listed at another time")
    dead = release if release and release.state is OutboxState.DEAD else None
    return _Why(Case.LEFT_OVER, f"released here, which it did not take{_met(dead) if dead else ''}", dead and dead.id)


def _met(notice: _Notice) -> str:
    return f": {notice.answer}" if notice.answer else ""


def _tell(connection: Connection, wanted: Sequence[Difference], announce: Announce, now: datetime) -> int:
    again = [each.again for each in wanted if each.again]
    anew = {Key(storable(each.stream or ""), each.key): each for each in wanted if not each.again}
    books = Books(connection, {key: each.address for key, each in anew.items()}, announce, By.PERSON)
    for key, each in anew.items():
        record = books.records[key]
        if each.side is Side.HERE:
            books.enter(key, transitions.tell(record, now))
        elif record.suppression is None:
            books.enter(key, transitions.tell_end(record, now, _as_told(connection, each.number)))
    count = books.close()
    return count + (queue.retry(connection, now, again, None, OutboxState.DEAD, None) if again else 0)


def _as_told(connection: Connection, number: int | None) -> Mapping[str, object]:
    body = connection.scalar(select(OUTBOX.c.body).where(OUTBOX.c.number == number)) or "{}"
    data = json.loads(body).get("data", {})
    return {name: value for name, value in data.items() if name not in ("recipient", "stream", "sequence")}
