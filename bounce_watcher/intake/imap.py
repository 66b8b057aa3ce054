"""One pass over one IMAP mailbox: unsettled mail in pages, settled mail filed away. Implements MailboxSession."""

import imaplib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from bounce_watcher.intake import folders, uids
from bounce_watcher.intake.account import ImapAccount
from bounce_watcher.intake.backlog import Backlog, Waiting
from bounce_watcher.intake.connection import Connection
from bounce_watcher.intake.fetching import Fetched, beginning, continuation, fetch
from bounce_watcher.intake.mailbox import Destination
from bounce_watcher.intake.oauth2 import TokenStore
from bounce_watcher.intake.settling import KEYWORD, Settlement, file_away, settlement_of
from bounce_watcher.intake.watchdog import Watchdog
from bounce_watcher.intake.wire import KIB, USUAL, Bounds
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.model.message import RawMessage

log = structlog.get_logger()

HOPELESS = 20
"""So many messages in a row that can't be fetched mean that the server is at fault, not the messages."""


@dataclass(frozen=True, slots=True)
class _Selected:
    """A folder as SELECT showed it. `generation` is that of the connection: a new one has nothing selected."""

    folder: str
    uidvalidity: int
    exists: int
    has_settled: bool
    generation: int


@contextmanager
def open_session(
    account: ImapAccount, *, now: Callable[[], datetime], tokens: TokenStore
) -> Iterator["ImapSession"]:
    """Connects and logs in for one pass, which ends at the latest at `pass_deadline` and two more `timeout`.

    `now` gives the time, aware; `tokens` is shared by all mailboxes of a process.
    Raises TemporaryFailure, or PermanentFailure with the mend; at the end also for a folder that was not there, so
    that the others of the mailbox are read all the same.
    """
    with Watchdog(account.pass_deadline, 2 * account.timeout) as watchdog:
        connection = Connection(account, watchdog, now, tokens)
        try:
            session = ImapSession(account, connection, watchdog, now)
            yield session
            session.complain()
            connection.close()
        finally:
            connection.drop()


class ImapSession:
    """`unfinished`: the deadline came before the end, or a folder was renumbered under us; poll again at once."""

    def __init__(
        self, account: ImapAccount, connection: Connection, watchdog: Watchdog, now: Callable[[], datetime]
    ) -> None:
        self.unfinished = False
        self.overdue = watchdog.overdue
        self._account = account
        self._connection = connection
        self._watchdog = watchdog
        self._now = now
        self._selected: _Selected | None = None
        self._missing: list[str] = []
        self._made: set[str] = set()
        self._backlog = Backlog()
        with connection.conversation("asking for the server's abilities"):
            self.settlement = settlement_of(connection.client)
            self.hierarchy = folders.hierarchy_of(connection.client)
        self._places = {place: self.hierarchy.name(name) for place, name in _places(account).items()}
        self._sources = {self._source(name): self.hierarchy.name(name) for name in account.folders}
        self._refuse_circles()

    def pages(self) -> Iterator[Sequence[RawMessage]]:
        """See MailboxSession. Ends early, with `unfinished`, when the pass takes longer than pass_deadline."""
        for source, folder in self._sources.items():
            selected = self._enter(folder)
            if selected is None:
                self._missing.append(source)
                continue
            yield from self._folder_pages(source, selected)

    def settle(self, destinations: Mapping[Destination, Sequence[RawMessage]]) -> None:
        """See MailboxSession. A message whose folder was renumbered since stays there and is read again."""
        for place, messages in destinations.items():
            groups: dict[tuple[str, int | None], list[int]] = {}
            for message in messages:
                if message.uid is not None:
                    groups.setdefault((message.source, message.uidvalidity), []).append(message.uid)
            for (source, uidvalidity), numbers in groups.items():
                self._file(source, uidvalidity, numbers, self._places[place])

    def waiting(self) -> Waiting:
        """What this pass has found so far and not filed."""
        return self._backlog.waiting()

    def complain(self) -> None:
        """Raises PermanentFailure if a folder of the account was not there."""
        if self._missing:
            names = ", ".join(self._missing)
            raise PermanentFailure(
                f"mailbox {self._account.name}: no such folder on the server: {names}; mend `folder` or create it"
            )

    # Reading

    def _folder_pages(self, source: str, selected: _Selected) -> Iterator[Sequence[RawMessage]]:
        """Asks for beginnings that together fit into a page, as almost all mail does whole, then for what is longer."""
        account = self._account
        batch_length = min(account.page_messages, uids.BATCH)
        length = max(1, min(account.max_message_bytes, account.page_bytes // batch_length))
        numbers = self._search(selected)
        self._backlog.found(source, len(numbers))
        for batch in uids.batches(numbers, batch_length):
            entries = self._beginnings(selected, batch, length)
            self._backlog.seen(source, batch, {entry.uid: entry.received_at for entry in entries})
            cut = uids.pages(entries, account.page_messages, account.page_bytes, account.max_message_bytes)
            yield from filter(None, (self._whole(source, selected, page, length) for page in cut))

    def _beginnings(self, selected: _Selected, batch: Sequence[int], length: int) -> list[uids.Entry]:
        found = self._fetch(selected, batch, beginning(length), length)
        return [uids.Entry(uid, each.size or 0, each.received_at or self._now(), each.body)
                for uid in batch if (each := found.get(uid)) is not None and each.body is not None]

    def _whole(
        self, source: str, selected: _Selected, page: Sequence[uids.Entry], length: int
    ) -> list[RawMessage]:
        """The page's messages; one that goes while the rest of it is asked for is left out."""
        cap = self._account.max_message_bytes
        rests: dict[int, bytes | None] = {entry.uid: b"" for entry in page}
        longer = [entry.uid for entry in page if len(entry.beginning) == length < cap and entry.size != length]
        if longer:
            found = self._fetch(selected, longer, continuation(length, cap - length), cap - length)
            rests |= {uid: found[uid].body if uid in found else None for uid in longer}
        return [self._message(source, selected, entry, entry.beginning + rest)
                for entry in page if (rest := rests[entry.uid]) is not None]

    def _search(self, selected: _Selected) -> list[int]:
        unsettled = f" UNKEYWORD {KEYWORD.decode()}" if selected.has_settled else ""
        numbers: set[int] = set()
        with self._connection.conversation(f"searching {selected.folder}"):
            for window in uids.windows(selected.exists):
                numbers.update(self._connection.client.search(window + unsettled))
        return sorted(numbers)

    def _message(self, source: str, selected: _Selected, entry: uids.Entry, content: bytes) -> RawMessage:
        cap = self._account.max_message_bytes
        is_whole = len(content) < cap  # then this is the size: some servers only estimate RFC822.SIZE
        return RawMessage(
            source=source, content=content[:cap], received_at=entry.received_at, mailbox=self._account.name,
            stream=self._account.stream, uid=entry.uid, uidvalidity=selected.uidvalidity,
            size=len(content) if is_whole else max(entry.size, len(content)),
        )

    def _fetch(self, selected: _Selected, numbers: Sequence[int], items: str, length: int) -> dict[int, Fetched]:
        """What of `items` can be had; a message that is gone, or that the server can't give, is left out.

        `items` ask for `length` bytes of each message.
        """
        if self._is_over(selected):
            return {}
        try:
            return self._fetch_at_once(numbers, items, length)
        except TemporaryFailure as failure:
            if self._watchdog.has_cut:
                raise
            log.info("batch not fetched, trying its messages one by one", action="batch_not_fetched",
                     mailbox=self._account.name, messages=len(numbers), trouble=str(failure))
        return self._fetch_singly(selected, numbers, items, length)

    def _fetch_at_once(self, numbers: Sequence[int], items: str, length: int) -> dict[int, Fetched]:
        with self._connection.conversation("fetching"):
            wire = self._connection.wire
            with wire.within(_bounds(len(numbers), length, self._account.max_message_bytes)):
                return fetch(wire, numbers, items)

    def _fetch_singly(
        self, selected: _Selected, numbers: Sequence[int], items: str, length: int
    ) -> dict[int, Fetched]:
        """One command each: Dovecot closes the connection at a message that it can't read, with all behind it."""
        found: dict[int, Fetched] = {}
        failed_in_a_row = 0
        for uid in numbers:
            if self._is_over(selected):
                break
            try:
                found |= self._fetch_at_once([uid], items, length)
                failed_in_a_row = 0
            except TemporaryFailure as failure:
                failed_in_a_row += 1
                if self._watchdog.has_cut or failed_in_a_row == HOPELESS:
                    raise
                log.warning("message can't be fetched and stays where it is", action="message_not_fetched",
                            mailbox=self._account.name, uid=uid, trouble=str(failure))
        return found

    def _is_over(self, selected: _Selected) -> bool:
        """Whether this pass reads no more from the folder: late, or its UIDs mean other messages by now."""
        over = self._watchdog.overdue.is_set() or not self._is_still(selected.folder, selected.uidvalidity)
        self.unfinished |= over
        return over

    # Selecting

    def _is_still(self, folder: str, uidvalidity: int | None) -> bool:
        """Selects the folder; False if its UIDs are others than those of `uidvalidity`, or it is gone."""
        now = self._enter(folder)
        if now is not None and now.uidvalidity == uidvalidity:
            return True
        log.warning("folder renumbered by the server", action="uidvalidity_changed", mailbox=self._account.name,
                    folder=folder, uidvalidity=uidvalidity)
        return False

    def _enter(self, folder: str) -> _Selected | None:
        """The folder, selected; None if there is no such folder."""
        here = self._selected
        client = self._connection.client
        if here is not None and here.folder == folder and here.generation == self._connection.generation:
            return here
        self._selected = None
        with self._connection.conversation(f"selecting {folder}"):
            try:
                answer = client.select_folder(folder)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                if folders.exists(client, folder):
                    raise
                return None
        self._selected = self._examined(folder, answer)
        return self._selected

    def _examined(self, folder: str, answer: Mapping[bytes, Any]) -> _Selected:
        flags, permanent = (_lower(answer.get(key, ())) for key in (b"FLAGS", b"PERMANENTFLAGS"))
        marks = self.settlement is Settlement.KEYWORD
        if marks and not permanent & {KEYWORD.lower(), rb"\*"}:
            raise PermanentFailure(
                f"mailbox {self._account.name}: the server has neither MOVE nor UIDPLUS and allows no keywords in "
                f"{folder}, so settled mail can't be told from new mail; use a server that has one of these"
            )
        return _Selected(
            folder, int(answer.get(b"UIDVALIDITY", 0)), int(answer.get(b"EXISTS", 0)),
            has_settled=marks or KEYWORD.lower() in flags, generation=self._connection.generation,
        )

    # Settling

    def _file(self, source: str, uidvalidity: int | None, numbers: Sequence[int], place: str) -> None:
        folder = self._sources[source]
        for batch in uids.sequence_sets(numbers):
            if not self._is_still(folder, uidvalidity):
                self.unfinished = True
                return
            with self._connection.conversation(f"filing mail of {folder} in {place}"):
                self._provide(place)
                self._file_batch(batch, place)
        self._backlog.settled(source, numbers)

    def _file_batch(self, batch: str, place: str) -> None:
        client = self._connection.client
        try:
            file_away(client, self.settlement, batch, place)
        except imaplib.IMAP4.error as error:
            words = str(error).upper()
            if "[EXPUNGEISSUED]" in words:  # RFC 5530: some were filed by another process; what is left is read again
                self.unfinished = True
                return
            if "[TRYCREATE]" not in words:  # RFC 3501 section 6.4.7
                raise
            folders.create(client, place)
            file_away(client, self.settlement, batch, place)

    def _provide(self, place: str) -> None:
        """Makes sure, once a pass, that the destination is there: not every server says TRYCREATE."""
        if place not in self._made and not folders.exists(self._connection.client, place):
            folders.create(self._connection.client, place)
        self._made.add(place)

    def _refuse_circles(self) -> None:
        for place in self._places.values():
            if any(folders.same(place, source) for source in self._sources.values()):
                raise PermanentFailure(
                    f"mailbox {self._account.name}: settled mail would go to {place}, which is watched; "
                    "name another folder"
                )

    def _source(self, folder: str) -> str:
        return f"{self._account.name}/{folder}"


def _bounds(messages: int, length: int, longest: int) -> Bounds:
    """For so many bodies of `length`. A server that knows no partial FETCH sends the whole message instead: it is
    taken up to the `longest` that is read of any."""
    return replace(USUAL, literal=longest + KIB, total=messages * length + longest + USUAL.total)


def _places(account: ImapAccount) -> dict[Destination, str]:
    return {
        Destination.PROCESSED: account.processed_folder,
        Destination.REVIEW: account.review_folder,
        Destination.QUARANTINE: account.quarantine_folder,
    }


def _lower(flags: Sequence[bytes]) -> set[bytes]:
    return {flag.lower() for flag in flags}
