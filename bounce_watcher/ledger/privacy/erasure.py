"""Erases a person from the ledger, who stays suppressed under a keyed hash instead of the address.

The steps, each of which may be repeated: The record and its suppression are filed under the hash, which identifies new
reports from then on (`naming.forget`). Rows of large tables lose their texts, page by page. Stored mail that names the
address is dropped, and the address is struck out of all other texts (`ledger.privacy.striking`). `ledger.db.files`
cleans what the database files hold beyond the rows.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Engine,
    Table,
    Update,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from bounce_watcher.ledger.actions import Act, Acting, LogEntry
from bounce_watcher.ledger.db import files
from bounce_watcher.ledger.db.engine import reading, rehearse, write
from bounce_watcher.ledger.db.paging import in_pages
from bounce_watcher.ledger.db.personal import mention_of
from bounce_watcher.ledger.db.statements import KEYS, chunks
from bounce_watcher.ledger.db.tables import (
    ACTION,
    ALERT,
    EVENT,
    GUARD_COUNT,
    HELD,
    MESSAGE,
    OUTBOX,
    PROTECTED,
    RECIPIENT,
    SENT_MESSAGE,
    STATE_CHANGE,
    SUPPRESSION,
    event_from_row,
)
from bounce_watcher.ledger.naming.forget import ERASED_EVENT, name_of, remember, spellings
from bounce_watcher.ledger.naming.names import Names
from bounce_watcher.ledger.outbox import settled
from bounce_watcher.ledger.privacy.striking import strike_out
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.review import groups as review
from bounce_watcher.ledger.review import optouts
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.ledger import Actor, OutboxState
from bounce_watcher.model.message import unpack
from bounce_watcher.parsing.mention import Mention
from bounce_watcher.policy.guards import outages

T = TypeVar("T")
PAGE = 500


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows of each kind lost what they held about a person.

    `suppressions` stay under the hash. `mentions` are rows about others whose texts named the address.
    `due` are items still to be sent: they keep the address until they are settled, and then lose it automatically.
    """

    messages: int = 0
    events: int = 0
    records: int = 0
    suppressions: int = 0
    webhooks: int = 0
    due: int = 0
    mails: int = 0
    protections: int = 0
    mentions: int = 0
    opt_outs: int = 0

    @property
    def rows(self) -> int:
        total: int = sum(getattr(self, each.name) for each in fields(self))
        return total - self.suppressions - self.due

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


class Privacy(Acting):
    """The capability that erases what names a person from rows, and then from the database files."""

    def forget(
        self, address: str, by: Actor, *, dry_run: bool = False, advance: Callable[[int], None] = lambda _: None
    ) -> Erased:
        """Erases what rows hold about an address. If it is suppressed, it stays so under a keyed hash. For the database
        files see `clean_files`.

        May be repeated: what is erased is not found again. `advance` is called with the number of further messages
        searched. The log counts the rows, under the hash.
        """
        row, mention = LogEntry(self._names, Act(by, "forget", recipient=address)), mention_of(address)

        def run(work: Callable[[Connection], T], count: Callable[[T], int]) -> T:
            return rehearse(self._engine, work) if dry_run else row.write(self._engine, work, count)

        done = run(partial(_rename, address=address), _rows)
        while not dry_run and (page := run(partial(_erase_much, address=address, most=PAGE), _rows)) != Erased():
            done += page
        named: set[str] = set()
        for part in _naming(self._engine, mention, advance):
            run(partial(_drop, digests=part), int)
            named.update(part)
        if not dry_run:  # once more, for what a page entered that was being written at the first time
            late = run(partial(_rename, address=address), _rows)
            done += replace(late, due=late.due - done.due)
        done += Erased(len(named)) + run(lambda connection: (
            _erase_much(connection, address, None, named) + _erase_rest(connection, address, self._names)
        ), _rows)
        own = {self.forgotten_name(address), *spellings(address)}
        return done + Erased(mentions=strike_out(self._engine, mention, own, lambda work: run(work, int)))

    def outline(self, address: str) -> Erased:
        """Returns quickly what `forget` would erase, without the mail and the rows of others that name the address only
        in their text."""
        keys = spellings(address)
        kept = exists().where(MESSAGE.c.digest == EVENT.c.message_digest, MESSAGE.c.packed.is_not(None))
        messages = select(func.count(EVENT.c.message_digest.distinct())).where(EVENT.c.recipient_key.in_(keys), kept)
        is_due = OUTBOX.c.state == OutboxState.DUE
        with reading(self._engine) as connection:
            def count(table: Table, *more: ColumnElement[bool], name: str = "recipient_key") -> int:
                return connection.scalar(select(func.count()).where(table.c[name].in_(keys), *more)) or 0

            return Erased(
                connection.scalar(messages) or 0, count(EVENT), count(RECIPIENT), count(SUPPRESSION),
                count(OUTBOX, ~is_due), count(OUTBOX, is_due), count(SENT_MESSAGE), count(PROTECTED, name="key"),
                opt_outs=sum(optouts.number_of(connection, key) for key in keys),
            )

    def forgotten_name(self, address: str) -> str:
        """Returns the hash that replaces an address once it is forgotten."""
        return write(self._engine, partial(name_of, address=address))

    def finish_forgetting(self) -> files.Files | None:
        """Erases settled items, then runs `clean_files` if the erasure of somebody without due items is under way.
        Returns None if there is nobody."""
        while write(self._engine, settled.erase):
            pass
        return self.clean_files() if self._under_way() else None

    def clean_files(self) -> files.Files:
        """Removes what the database files hold of erased rows, as far as possible while others work."""
        return self._clean(files.clean)

    def vacuum(self) -> files.Files:
        """Rewrites the whole database, so that its files hold nothing of what was erased. Others wait meanwhile."""
        return self._clean(files.rewrite)

    def _clean(self, cleaned: Callable[[Engine], files.Files]) -> files.Files:
        erased = self._under_way()  # read first: what is erased meanwhile is left for the next time
        left = cleaned(self._engine)
        if erased and left in (files.Files.CLEAN, files.Files.DEAD_ROWS):
            write(self._engine, lambda connection: settled.finish(connection, erased))
        return left

    def _under_way(self) -> list[str]:
        with reading(self._engine) as connection:
            return settled.under_way(connection)


def _rows(erased: Erased) -> int:
    return erased.rows


# ── under the hash ──────────────────────────────────────────────────────────────────────────────────────────────────

def _rename(connection: Connection, address: str) -> Erased:
    """Files under the hash what is decided on the address and what is still to be sent about it."""
    name, keys = name_of(connection, address), spellings(address)
    remember(connection, name)
    _drop_words_of_one(connection, keys)
    found = [_merge(connection, key, stream, name) for key, stream in connection.execute(
        select(RECIPIENT.c.recipient_key, RECIPIENT.c.stream).where(RECIPIENT.c.recipient_key.in_(keys))
    ).all()]
    for table in (STATE_CHANGE, HELD):
        connection.execute(update(table).where(table.c.recipient_key.in_(keys)).values(recipient_key=name))
    due = update(OUTBOX).where(OUTBOX.c.recipient_key.in_(keys), OUTBOX.c.state == OutboxState.DUE)
    connection.execute(due.values(recipient_key=name))
    protections = connection.execute(delete(PROTECTED).where(PROTECTED.c.key.in_(keys)))
    return Erased(
        records=len(found), suppressions=sum(found), due=settled.waiting(connection, name),
        protections=protections.rowcount,
    )


def _merge(connection: Connection, key: str, stream: str, name: str) -> bool:
    """Files a record under the hash. If there is one already, the suppressed one stays. Returns whether the recipient
    is suppressed."""
    def at(table: Table, address: str) -> ColumnElement[bool]:
        return and_(table.c.recipient_key == address, table.c.stream == stream)

    def has(table: Table, address: str) -> bool:
        return connection.scalar(select(func.count()).select_from(table).where(at(table, address))) != 0

    mine, other = has(SUPPRESSION, key), has(SUPPRESSION, name)
    goes = key if other or not mine else name
    if has(RECIPIENT, name):
        both = select(func.max(RECIPIENT.c.sequence)).where(or_(at(RECIPIENT, key), at(RECIPIENT, name)))
        newest = connection.scalar(both)
        connection.execute(delete(RECIPIENT).where(at(RECIPIENT, goes)))
        connection.execute(
            update(RECIPIENT).where(or_(at(RECIPIENT, key), at(RECIPIENT, name))).values(sequence=newest)
        )
    if other:
        connection.execute(delete(SUPPRESSION).where(at(SUPPRESSION, key)))
    held = select(HELD.c.alert).where(at(HELD, name))
    connection.execute(delete(HELD).where(at(HELD, key), HELD.c.alert.in_(held)))
    renamed = {"recipient_key": name, "recipient": name}
    connection.execute(update(RECIPIENT).where(at(RECIPIENT, key)).values(**renamed))
    connection.execute(update(SUPPRESSION).where(at(SUPPRESSION, key)).values(**renamed, diagnostic=None))
    return mine or other


def _drop_words_of_one(connection: Connection, keys: Sequence[str]) -> None:
    """Deletes series of the outage guard whose wording occurs only in this person's reports: it may contain a name."""
    own: Counter[str] = Counter()
    words: dict[str, str] = {}
    said = select(EVENT).where(EVENT.c.recipient_key.in_(keys), EVENT.c.diagnostic.is_not(None))
    for row in connection.execute(said):
        event = event_from_row(row)
        if subject := outages.wording_subject(event):
            own[subject.key] += 1
            words[subject.key] = subject.name
    for series, number in own.items():
        both = GUARD_COUNT.c.series.in_([series, alerts.covered_by_others(series)])
        if (connection.scalar(select(func.sum(GUARD_COUNT.c.number)).where(both)) or 0) <= number:
            connection.execute(delete(GUARD_COUNT).where(both))
            connection.execute(update(ALERT).where(ALERT.c.quote == words[series]).values(quote=None))


# ── words and mail ──────────────────────────────────────────────────────────────────────────────────────────────────

def _naming(engine: Engine, mention: Mention, advance: Callable[[int], None]) -> Iterator[list[str]]:
    """Yields digests of stored messages that name the address in any form, also in encoded parts."""
    order = MESSAGE.c.received_at, MESSAGE.c.digest
    chosen = select(*order, MESSAGE.c.packed).where(MESSAGE.c.packed.is_not(None))
    for rows in in_pages(engine, chosen, order, PAGE):
        suspects = {row.digest: content for row in rows if mention.is_in_mail(content := unpack(row.packed))}
        if found := [digest for digest, content in suspects.items() if _is_meant(engine, digest, content, mention)]:
            yield found
        advance(len(rows))


def _is_meant(engine: Engine, digest: str, content: bytes, mention: Mention) -> bool:
    """Checks whether mail really names the address, and not only a recipient of its own that ends the same way."""
    about = select(EVENT.c.recipient).where(EVENT.c.message_digest == digest)
    with reading(engine) as connection:
        others = [mention_of(each) for each in connection.scalars(about) if not is_forgotten(each)]
    return mention in others or mention.is_in_mail(content, others)


def _drop(connection: Connection, digests: Sequence[str]) -> int:
    review.take_out(connection, digests)
    gone = update(MESSAGE).where(MESSAGE.c.digest.in_(digests), MESSAGE.c.packed.is_not(None)).values(
        packed=None, packed_size=None
    )
    return connection.execute(gone).rowcount


def _erase_much(connection: Connection, address: str, most: int | None, but: Set[str] = frozenset()) -> Erased:
    """Erases up to `most` events, items and sent mails each (None = all). `but` are messages that are already dropped.
    """
    name, keys = name_of(connection, address), spellings(address)
    renamed = {"recipient_key": name, "recipient": name}
    events = connection.execute(
        select(EVENT.c.id, EVENT.c.message_digest).where(EVENT.c.recipient_key.in_(keys)).limit(most)
    ).all()
    digests = sorted({digest for _, digest in events} - but)
    messages = sum(_drop(connection, part) for part in chunks(digests))
    _each(connection, update(EVENT).values(**renamed, **ERASED_EVENT), EVENT.c.id, [each for each, _ in events])
    told = OUTBOX.c.recipient_key.in_(keys), OUTBOX.c.state != OutboxState.DUE
    deliveries = connection.scalars(select(OUTBOX.c.number).where(*told).limit(most)).all()
    _each(connection, update(OUTBOX).values(recipient_key=name), OUTBOX.c.number, deliveries)
    settled.strip(connection, deliveries)
    of_person = SENT_MESSAGE.c.recipient_key.in_([*keys, name])
    mails = connection.scalars(select(SENT_MESSAGE.c.message_id).where(of_person).limit(most)).all()
    _each(connection, delete(SENT_MESSAGE).where(of_person), SENT_MESSAGE.c.message_id, mails)
    return Erased(messages, len(events), webhooks=len(deliveries), mails=len(mails))


def _each(
    connection: Connection, change: Update | Delete, column: ColumnElement[Any], values: Sequence[Any]
) -> None:
    """Applies a change to the rows with these `values` of `column`."""
    for part in chunks(values):
        connection.execute(change.where(column.in_(KEYS)), {"keys": list(part)})


def _erase_rest(connection: Connection, address: str, links: Names) -> Erased:
    """Erases the rows of small tables, once the events are erased."""
    name = name_of(connection, address)
    grouped = EVENT.c.recipient_key == name, EVENT.c.review_group.is_not(None)
    groups = set(connection.scalars(select(EVENT.c.review_group).where(*grouped).distinct()))
    connection.execute(update(EVENT).where(*grouped).values(review_group=None))
    review.recount(connection, groups)
    review.drop_words(connection, groups)
    actions = update(ACTION).where(ACTION.c.subject.in_(KEYS)).values(subject=links.name(name), because=None)
    for part in chunks(_subjects(connection, address, links)):
        connection.execute(actions, {"keys": list(part)})
    asked = [optouts.forget(connection, key, name) for key in spellings(address)]
    messages = sum(_drop(connection, part) for _, digests in asked for part in chunks(digests))
    return Erased(messages, webhooks=settled.erase(connection), opt_outs=sum(number for number, _ in asked))


def _subjects(connection: Connection, address: str, links: Names) -> list[str]:
    """Returns the names in the log of actions that lead back to the address, however it was written."""
    mention = mention_of(address)
    subjects = connection.scalars(select(ACTION.c.subject).distinct())
    return [each for each in subjects if (written := links.address(each)) and mention_of(written) == mention]
