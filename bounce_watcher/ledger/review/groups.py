"""Groups unrecognised mail by its wording. Groups are updated with each page, and people decide on them.

The mails of a group have the same words except for addresses, hosts, dates, ids and numbers (`policy.masking`). They
are failed recipients whose reports do not say why or only let it be guessed, or messages in which no recipient was
found. The row of a group is written in the same transaction as those, and counts what is stored of them. Nothing of a
message without a recipient outlives the message: with the last one of a group its wording is deleted.

All opt-outs that wait for a person form one more group (`OPT_OUTS`), whatever they say. `optouts` stores them; the
group lasts as long as one of them waits.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    literal_column,
    select,
    update,
)

from bounce_watcher.ledger.db.statements import KEYS, chunks, insert_into
from bounce_watcher.ledger.db.tables import EVENT, MESSAGE, OPT_OUT, REVIEW_GROUP
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.model.address import FORGOTTEN
from bounce_watcher.model.ledger import BounceEvent, MessageRecord, Misread
from bounce_watcher.model.times import utc_day
from bounce_watcher.policy import masking
from bounce_watcher.policy.language import UNKNOWN

_DIGITS = 16

OPT_OUTS = "opt-outs"
"""The id of the group of opt-outs. It can't be set aside: its opt-outs are marked as done one by one."""

_OPT_OUTS_RANK = 2
"""Higher than 1, the rank of groups that came back, so it comes first."""


class GroupState(StrEnum):
    NEW = "new"
    BACK = "back"          # it came again after a person had dealt with it
    DRAFTED = "drafted"    # a rule was saved for it
    RULED = "ruled"        # today's rules recognise all of it
    ASIDE = "aside"


OPEN = (GroupState.NEW, GroupState.BACK)
"""The states of groups that wait for a person."""
IS_OPEN = REVIEW_GROUP.c.state.in_([literal_column(f"'{each.value}'") for each in OPEN])
"""Literals, not parameters: only then do the planners see that the partial index fits."""


@dataclass(frozen=True, slots=True)
class ReviewGroup:
    """A group. `a_day`, `because` and `decided_at` (aware) are those of the last decision on it.

    `language` is that of the wording: an ISO 639 code, or "unknown". `providers` and `codes` are counted in the newest
    events. A code is the enhanced code, else the reply code. `days` says how much came on each of the last UTC days,
    today last; None if that was not looked up.
    """

    gid: str
    kind: Misread
    wording: str
    language: str
    state: GroupState
    mails: int
    recipients: int
    first_at: datetime
    last_at: datetime
    a_day: int | None = None
    because: str | None = None
    decided_at: datetime | None = None
    providers: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    days: tuple[int, ...] | None = None


# ── kept ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def wording_of(event: BounceEvent) -> str:
    """Returns the wording of an event: its diagnostic, else the quote that it was recognised by, with variable parts
    masked."""
    return storable(masking.wording(event.diagnostic or event.quote or "", event.recipient))


def group_of(event: BounceEvent) -> str | None:
    """Returns the group of a failure that was not recognised or only guessed; None for everything else and for
    forgotten recipients."""
    why = Misread.of(event)
    if why is None or event.recipient.startswith(FORGOTTEN):
        return None
    wording = wording_of(event)
    return _gid(wording if why is Misread.FAILURE else f"{why}\n{wording}")


def group_of_mail(message: MessageRecord) -> str | None:
    """Returns the group of a stored message whose recipient could not be read; None for everything else."""
    unread = message.unread
    if unread is None or message.packed is None or (message.events and unread.kind is not Misread.ADDRESS):
        return None
    return _gid(f"{unread.kind}\n{storable(unread.wording)}")


def _gid(wording: str) -> str:
    return hashlib.sha256(wording.encode()).hexdigest()[:_DIGITS]


@dataclass(slots=True)
class _More:
    """What a page adds to a group."""

    kind: Misread
    wording: str
    language: str
    times: list[datetime] = field(default_factory=list)
    by_recipient: Counter[str] = field(default_factory=Counter)


_DEALT_WITH = (GroupState.DRAFTED.value, GroupState.RULED.value)
_COMES_BACK = {"state": GroupState.BACK.value, "rank": 1}
_NONE_LEFT = {"mails": 0, "recipients": 0}
_NO_WORDS = {"wording": "", "language": UNKNOWN}
_OF_RECIPIENTS = (
    select(EVENT.c.review_group, EVENT.c.recipient_key, func.count())
    .where(EVENT.c.review_group == bindparam("gid"), EVENT.c.recipient_key.in_(KEYS))
    .group_by(EVENT.c.review_group, EVENT.c.recipient_key)
)
_ADD_RECIPIENTS = update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid == bindparam("of_gid")).values(
    recipients=REVIEW_GROUP.c.recipients + bindparam("more")
)


def add(connection: Connection, events: Iterable[BounceEvent], languages: Mapping[str, str | None]) -> None:
    """Adds new events to their groups, in the caller's transaction. They are in their table already.

    `languages` are those of their messages, by digest.
    """
    found: dict[str, _More] = {}
    for event in events:
        gid, why = group_of(event), Misread.of(event)
        if gid is not None and why is not None:
            spoken = languages.get(event.message_digest) or UNKNOWN
            more = found.setdefault(gid, _More(why, wording_of(event), spoken))
            more.times.append(event.at)
            more.by_recipient[recipient_key(event.recipient)] += 1
    if not found:
        return
    _enter(connection, found, EVENT.c.review_group, EVENT.c.at)
    connection.execute(_ADD_RECIPIENTS, [
        {"of_gid": gid, "more": _fresh(connection, gid, found[gid])} for gid in sorted(found)
    ])


def add_mail(connection: Connection, messages: Iterable[MessageRecord]) -> None:
    """Adds new messages without a recipient to their groups, as `add` does with events."""
    found: dict[str, _More] = {}
    for message in messages:
        gid = group_of_mail(message)
        if gid is not None and message.unread is not None:
            spoken = message.language or UNKNOWN
            more = found.setdefault(gid, _More(message.unread.kind, storable(message.unread.wording), spoken))
            more.times.append(message.received_at)
    _enter(connection, found, MESSAGE.c.review_group, MESSAGE.c.received_at)


def _enter(connection: Connection, found: Mapping[str, _More], group: Column[Any], at: Column[Any]) -> None:
    for part in chunks(sorted(found)):
        _put(connection, {gid: found[gid] for gid in part})
        _bring_back(connection, part, found, group, at)


def _put(connection: Connection, found: Mapping[str, _More]) -> None:
    """Writes the rows of groups. Locks them in the order of their keys: two writers wait for each other at most once.
    """
    insertion = insert_into(connection, REVIEW_GROUP).values([
        {
            "gid": gid, "kind": more.kind.value, "wording": more.wording, "language": more.language,
            "state": GroupState.NEW.value, "rank": 0, "mails": len(more.times), "recipients": 0,
            "first_at": min(more.times), "last_at": max(more.times),
        }
        for gid, more in found.items()
    ])
    old, new = REVIEW_GROUP.c, insertion.excluded
    comes_back = and_(old.state.in_(_DEALT_WITH), new.last_at > old.decided_at)
    connection.execute(insertion.on_conflict_do_update(index_elements=["gid"], set_={
        "wording": new.wording,
        "language": case((new.language == UNKNOWN, old.language), else_=new.language),
        "mails": old.mails + new.mails,
        "first_at": case((new.first_at < old.first_at, new.first_at), else_=old.first_at),
        "last_at": case((new.last_at > old.last_at, new.last_at), else_=old.last_at),
        **{name: case((comes_back, value), else_=old[name]) for name, value in _COMES_BACK.items()},
    }))


def _bring_back(
    connection: Connection, gids: Sequence[str], found: Mapping[str, _More], group: Column[Any], at: Column[Any]
) -> None:
    """Brings back groups that were set aside until they come more often, and now do."""
    limited = select(REVIEW_GROUP.c.gid, REVIEW_GROUP.c.a_day).where(
        REVIEW_GROUP.c.gid.in_(gids), REVIEW_GROUP.c.state == GroupState.ASIDE.value, REVIEW_GROUP.c.a_day.is_not(None)
    )
    for gid, a_day in connection.execute(limited.order_by(REVIEW_GROUP.c.gid)).all():
        days = {datetime.combine(utc_day(each), datetime.min.time(), UTC) for each in found[gid].times}
        counts = (
            connection.scalar(
                select(func.count()).where(group == gid, at >= since, at < since + timedelta(days=1))
            )
            for since in sorted(days)
        )
        if any((count or 0) > a_day for count in counts):
            connection.execute(update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid == gid).values(**_COMES_BACK))


def _fresh(connection: Connection, gid: str, more: _More) -> int:
    """Returns how many recipients are new in the group: those with no more reports in it than this page adds."""
    return sum(
        number == more.by_recipient[key]
        for part in chunks(sorted(more.by_recipient))
        for _, key, number in connection.execute(_OF_RECIPIENTS, {"gid": gid, "keys": list(part)})
    )


def correct(connection: Connection, changed: Sequence[tuple[BounceEvent, BounceEvent]]) -> None:
    """Moves events between groups that are now read differently, and are in their table already. Each pair is the event
    before and after.

    The language of what is no longer recognised comes with the next mail of the same wording.
    """
    moved = [(group_of(before), after) for before, after in changed if group_of(before) != group_of(after)]
    add(connection, [after for _, after in moved], {})
    recount(connection, {gid for gid, _ in moved if gid is not None}, by_rules=True)


_LOCKED = select(REVIEW_GROUP.c.gid, REVIEW_GROUP.c.state).where(REVIEW_GROUP.c.gid.in_(KEYS)).order_by(
    REVIEW_GROUP.c.gid
).with_for_update()
_PUT_COUNTS = update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid == bindparam("of_gid")).values(
    mails=bindparam("number"), recipients=bindparam("people"), first_at=bindparam("oldest"),
    last_at=bindparam("newest"),
)


def recount(connection: Connection, gids: Collection[str], *, by_rules: bool = False) -> None:
    """Recounts groups that have lost events. Deletes a group without events, unless a person decided on it.

    With `by_rules`, the events are gone because today's rules recognise them.
    """
    by_rule = {**_NONE_LEFT, "state": GroupState.RULED.value, "rank": 0, "decided_at": REVIEW_GROUP.c.last_at}
    people = func.count(EVENT.c.recipient_key.distinct())
    for states in _counted_anew(connection, gids, EVENT.c.review_group, EVENT.c.at, people):
        ruled = [gid for gid, state in states.items() if by_rules and state is not GroupState.ASIDE]
        gone = [gid for gid, state in states.items() if state in OPEN and not by_rules]
        kept = [gid for gid in states if gid not in {*ruled, *gone}]
        connection.execute(delete(REVIEW_GROUP).where(REVIEW_GROUP.c.gid.in_(gone)))
        connection.execute(update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid.in_(ruled)).values(by_rule))
        connection.execute(update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid.in_(kept)).values(_NONE_LEFT))


def drop_words(connection: Connection, gids: Collection[str]) -> None:
    """Removes the wording of groups without any report left: what only one person's mail said may name that person."""
    for part in chunks(sorted(gids)):
        empty = update(REVIEW_GROUP).where(REVIEW_GROUP.c.gid.in_(part), REVIEW_GROUP.c.mails == 0)
        connection.execute(empty.values(**_NO_WORDS))


def recount_mail(connection: Connection, gids: Collection[str]) -> None:
    """Recounts groups that have lost messages. Deletes a group without messages; one that was set aside loses only its
    wording."""
    for empty in _counted_anew(connection, gids, MESSAGE.c.review_group, MESSAGE.c.received_at, literal(0)):
        is_aside = REVIEW_GROUP.c.state == GroupState.ASIDE.value
        emptied = REVIEW_GROUP.c.gid.in_(empty)
        connection.execute(update(REVIEW_GROUP).where(emptied, is_aside).values(**_NONE_LEFT, **_NO_WORDS))
        connection.execute(delete(REVIEW_GROUP).where(emptied, ~is_aside))


def _counted_anew(
    connection: Connection, gids: Collection[str], group: Column[Any], at: Column[Any], people: ColumnElement[int]
) -> Iterator[dict[str, GroupState]]:
    """Recounts groups. Yields the states of those that turn out to be empty, part by part."""
    counted_by = select(group, func.count(), people, func.min(at), func.max(at)).where(group.in_(KEYS)).group_by(group)
    for part in chunks(sorted(gids)):
        states = {gid: GroupState(state) for gid, state in connection.execute(_LOCKED, {"keys": list(part)})}
        counted = connection.execute(counted_by, {"keys": list(part)}).all()
        if counted:
            connection.execute(_PUT_COUNTS, [
                {"of_gid": gid, "number": number, "people": people, "oldest": oldest, "newest": newest}
                for gid, number, people, oldest, newest in counted
            ])
        empty = states.keys() - {row[0] for row in counted}
        if empty:
            yield {gid: states[gid] for gid in sorted(empty)}


def take_out(connection: Connection, digests: Sequence[str]) -> None:
    """Removes messages from their groups that need no review any more, as they are understood now or no longer kept.
    Works in the caller's transaction."""
    gids: set[str] = set()
    for part in chunks(sorted(digests)):
        grouped = MESSAGE.c.digest.in_(part), MESSAGE.c.review_group.is_not(None)
        gids.update(filter(None, connection.scalars(select(MESSAGE.c.review_group).where(*grouped).distinct())))
        connection.execute(update(MESSAGE).where(*grouped).values(review_group=None))
    if gids:
        recount_mail(connection, gids)


# ── opt-outs ────────────────────────────────────────────────────────────────────────────────────────────────────────

def lock_opt_outs(connection: Connection, now: datetime) -> None:
    """Locks the row of the group of opt-outs before what it counts is changed. Creates the row if there is none."""
    made = insert_into(connection, REVIEW_GROUP).values(
        gid=OPT_OUTS, kind=Misread.OPT_OUT.value, wording="asks for no more mail", language=UNKNOWN,
        state=GroupState.NEW.value, rank=_OPT_OUTS_RANK, mails=0, recipients=0, first_at=now, last_at=now,
    )
    connection.execute(made.on_conflict_do_update(index_elements=["gid"], set_={"rank": made.excluded.rank}))


def count_opt_outs(connection: Connection) -> None:
    """Recounts the waiting opt-outs. The group is deleted with the last of them."""
    people = func.count(func.coalesce(OPT_OUT.c.recipient_key, OPT_OUT.c.sender_key).distinct())
    for empty in _counted_anew(connection, [OPT_OUTS], OPT_OUT.c.review_group, OPT_OUT.c.at, people):
        connection.execute(delete(REVIEW_GROUP).where(REVIEW_GROUP.c.gid.in_(empty)))
