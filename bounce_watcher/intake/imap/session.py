"""One pass over one IMAP mailbox: reads unsettled mail in pages, files settled mail."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from bounce_watcher.intake.imap import folders, uids
from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.connection import Connection
from bounce_watcher.intake.imap.fetching import WHOLE, Fetched, beginning, continuation, fetch
from bounce_watcher.intake.imap.filing import Filer, Source, UnfiledMail
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.imap.selecting import KEYWORD, Selected, Selection
from bounce_watcher.intake.imap.watchdog import Watchdog
from bounce_watcher.intake.imap.wire import bounds_of_bodies
from bounce_watcher.logs import log
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.model.faults import Obstacle, Short
from bounce_watcher.model.message import Destination, RawMessage

HOPELESS = 20
"""If this many messages in a row can't be fetched, the server is at fault, not the messages."""


@dataclass(frozen=True, slots=True)
class UnsettledMail:
    """Unsettled mail of a mailbox at one moment. Times are INTERNALDATE (RFC 3501 section 2.3.3), aware.

    `oldest_at` is not later than the arrival of the oldest message; None = none waits, or none of them could be read.
    `newest_at` is the arrival of the newest message that the pass has seen, settled or not.
    """

    messages: int = 0
    oldest_at: datetime | None = None
    newest_at: datetime | None = None


class Backlog:
    """The progress of one pass: `found` a folder's mail, `seen` a part of it, `settled`. For one thread.

    Mail of a folder comes in the order of its arrival: unseen mail did not arrive before the mail that was seen last.
    """

    def __init__(self) -> None:
        self._unseen: dict[str, int] = {}
        self._seen: dict[tuple[str, int], datetime] = {}
        self._last: dict[str, datetime] = {}
        self._newest: datetime | None = None

    def found(self, folder: str, messages: int) -> None:
        self._unseen[folder] = messages

    def seen(self, folder: str, asked: Sequence[int], came: Mapping[int, datetime]) -> None:
        """Notes that `came` answered the UIDs `asked` for. UIDs without an answer wait as well: they may still come."""
        if not came:
            return
        earliest = min(came.values())
        self._seen.update(((folder, uid), came.get(uid, earliest)) for uid in asked)
        self._unseen[folder] = max(0, self._unseen.get(folder, 0) - len(asked))
        self._last[folder] = max(came.values())
        self._newest = max(self._last[folder], self._newest or self._last[folder])

    def settled(self, folder: str, uids: Iterable[int]) -> None:
        for uid in uids:
            self._seen.pop((folder, uid), None)

    def waiting(self) -> UnsettledMail:
        behind = [self._last[folder] for folder, unseen in self._unseen.items() if unseen and folder in self._last]
        oldest = min([*self._seen.values(), *behind], default=None)
        return UnsettledMail(len(self._seen) + sum(self._unseen.values()), oldest, self._newest)


@contextmanager
def open_session(
    account: ImapAccount, *, now: Callable[[], datetime], tokens: TokenStore, unfiled: UnfiledMail
) -> Iterator["ImapSession"]:
    """Connects and logs in for one pass, which ends at the latest after `pass_deadline` and two more `timeout`.

    `now` returns the time, aware. All mailboxes of a process share `tokens`. `unfiled` outlives the process.
    Raises TemporaryFailure, or PermanentFailure with the fix. Raises for a missing folder only at the end, so that the
    mailbox's other folders are read first.
    """
    with Watchdog(account.pass_deadline, 2 * account.timeout) as watchdog:
        connection = Connection(account, watchdog, now, tokens)
        try:
            session = ImapSession(connection, unfiled)
            yield session
            session.complain()
            connection.close()
        finally:
            connection.drop()


class ImapSession:
    """One pass. Messages that are not settled stay where they are and come again in the next pass.

    `unfinished`: the deadline came before the end, or a folder was renumbered; poll again at once.
    """

    def __init__(self, connection: Connection, unfiled: UnfiledMail) -> None:
        self.unfinished = False
        self.overdue = connection.watchdog.overdue
        self._account = account = connection.account
        self._connection = connection
        self._missing: list[str] = []
        self._obstacles: dict[Obstacle, None] = {}
        self._backlog = Backlog()
        with connection.conversation("asking for the server's folders"):
            self.hierarchy = folders.hierarchy_of(connection.client)
            sources = [Source(f"{account.name}/{name}", folders.find(connection.client, self.hierarchy, name).name)
                       for name in account.folders]
        self._sources = {source.label: source for source in sources}
        self._selection = Selection(connection)
        self._filer = Filer(connection, self._selection, self.hierarchy, sources, unfiled, self._note)

    def pages(self) -> Iterator[Sequence[RawMessage]]:
        """Yields unsettled messages in the order of their arrival, in pages of limited number and bytes.

        The next page may be read before the previous one is settled. Ends early, with `unfinished`, when the pass takes
        longer than pass_deadline. Raises TemporaryFailure or PermanentFailure.
        """
        for source in self._sources.values():
            selected = self._selection.enter(source.folder)
            if selected is None:
                self._missing.append(source.label)
                continue
            if selected.obstacle is not None:
                self._note(selected.obstacle)
            yield from self._folder_pages(source, selected)

    def settle(self, destinations: Mapping[Destination, Sequence[RawMessage]]) -> None:
        """Files messages. Call it only after the ledger has committed their content.

        A message that can't leave its folder is stored as unfiled, is not read again, and leaves when it can. If the
        folder was renumbered meanwhile, it stays and is read again. Raises TemporaryFailure or PermanentFailure; some
        messages may have moved by then.
        """
        for place, messages in destinations.items():
            groups: dict[tuple[str, int | None], list[int]] = {}
            for message in messages:
                if message.uid is not None:
                    groups.setdefault((message.source, message.uidvalidity), []).append(message.uid)
            for (label, uidvalidity), numbers in groups.items():
                if self._filer.file(self._sources[label], uidvalidity, numbers, place):
                    self._backlog.settled(label, numbers)
                else:
                    self.unfinished = True

    def obstacles(self) -> tuple[Obstacle, ...]:
        """Returns what has prevented mail from being filed or read whole so far."""
        return tuple(self._obstacles)

    def _note(self, obstacle: Obstacle) -> None:
        self._obstacles[obstacle] = None

    def waiting(self) -> UnsettledMail:
        """Returns the mail that this pass has found so far and not filed."""
        return self._backlog.waiting()

    def complain(self) -> None:
        """Raises PermanentFailure if a folder of the account was missing."""
        if self._missing:
            names = ", ".join(self._missing)
            raise PermanentFailure(
                f"no such folder on the server: {names}", "fix `folder` or create it", about=self._account.about,
            )

    # Reading

    def _folder_pages(self, source: Source, selected: Selected) -> Iterator[Sequence[RawMessage]]:
        """Asks for beginnings that together fit into a page, then for the rest of longer messages.

        Almost all messages fit into their beginning as a whole.
        """
        account, cap = self._account, self._account.max_message_bytes
        batch_length = min(account.page_messages, uids.BATCH)
        length = max(1, min(cap, account.page_bytes // batch_length))
        numbers = self._filer.unread(source, selected, self._search(selected), lambda: self._is_over(selected))
        self._backlog.found(source.label, len(numbers))
        for batch in uids.batches(numbers, batch_length):
            entries = self._beginnings(selected, batch, length)
            self._backlog.seen(source.label, batch, {entry.uid: entry.received_at for entry in entries})
            pages = uids.pages(entries, lambda entry: entry.load(cap), account.page_messages, account.page_bytes)
            yield from filter(None, (self._whole(source, selected, page, length) for page in pages))

    def _beginnings(self, selected: Selected, batch: Sequence[int], length: int) -> list[uids.FolderEntry]:
        found = self._fetch(selected, batch, beginning(length), length)
        return [uids.FolderEntry(uid, each.size or 0, each.received_at or self._connection.now(), each.body)
                for uid in batch if (each := found.get(uid)) is not None and each.body is not None]

    def _whole(
        self, source: Source, selected: Selected, page: Sequence[uids.FolderEntry], length: int
    ) -> list[RawMessage]:
        """Returns the page's messages. Leaves out one that disappears before its rest is read, or that comes short."""
        cap = self._account.max_message_bytes
        rests: dict[int, bytes | None] = {entry.uid: b"" for entry in page}
        longer = [entry.uid for entry in page if len(entry.beginning) == length < cap and entry.size != length]
        if longer:
            found = self._fetch(selected, longer, continuation(length, cap - length), cap - length)
            rests |= {uid: found[uid].body if uid in found else None for uid in longer}
        read = ((entry, entry.beginning + rest) for entry in page if (rest := rests[entry.uid]) is not None)
        whole = ((entry, self._asked_again(selected, entry) if _is_short(content, entry.size, cap) else content)
                 for entry, content in read)
        return [self._message(source, selected, entry, content) for entry, content in whole if content is not None]

    def _asked_again(self, selected: Selected, entry: uids.FolderEntry) -> bytes | None:
        """Asks for a whole message that came short. Returns None if it comes short again.

        Some servers return an empty part (`BODY[]<0> {0}`) of a message that they return whole.
        """
        cap = self._account.max_message_bytes
        found = self._fetch(selected, [entry.uid], WHOLE, cap) if entry.size <= cap else {}
        content = found[entry.uid].body if entry.uid in found else None
        if content is not None and not _is_short(content, entry.size, cap):
            return content
        got = max(len(entry.beginning), len(content or b""))
        self._note(Short(selected.folder, entry.uid, got, entry.size))
        return None

    def _search(self, selected: Selected) -> list[int]:
        unsettled = f" UNKEYWORD {KEYWORD.decode()}" if selected.has_settled else ""
        numbers: set[int] = set()
        with self._connection.conversation(f"searching {selected.folder}"):
            for window in uids.windows(selected.exists):
                numbers.update(self._connection.client.search(window + unsettled))
        return sorted(numbers)

    def _message(self, source: Source, selected: Selected, entry: uids.FolderEntry, content: bytes) -> RawMessage:
        cap = self._account.max_message_bytes
        is_whole = len(content) < cap  # then this is the size: some servers only estimate RFC822.SIZE
        return RawMessage(
            source=source.label, content=content[:cap], received_at=entry.received_at, mailbox=self._account.name,
            stream=self._account.stream, uid=entry.uid, uidvalidity=selected.uidvalidity,
            size=len(content) if is_whole else max(entry.size, len(content)),
        )

    def _fetch(self, selected: Selected, numbers: Sequence[int], items: str, length: int) -> dict[int, Fetched]:
        """Fetches `items`. Leaves out a message that is gone or that the server can't return.

        `items` ask for `length` bytes of each message.
        """
        if self._is_over(selected):
            return {}
        try:
            return self._fetch_at_once(numbers, items, length)
        except TemporaryFailure as failure:
            if self._connection.watchdog.has_cut:
                raise
            log.info("batch not fetched, trying its messages one by one", action="batch_not_fetched",
                     mailbox=self._account.name, messages=len(numbers), trouble=str(failure))
        return self._fetch_singly(selected, numbers, items, length)

    def _fetch_at_once(self, numbers: Sequence[int], items: str, length: int) -> dict[int, Fetched]:
        with self._connection.conversation("fetching"):
            wire = self._connection.wire
            with wire.within(bounds_of_bodies(len(numbers), length, self._account.max_message_bytes)):
                return fetch(wire, numbers, items)

    def _fetch_singly(self, selected: Selected, numbers: Sequence[int], items: str, length: int) -> dict[int, Fetched]:
        """Fetches each message by its own command.

        At a message that it can't read, Dovecot closes the connection, and all later messages are lost too.
        """
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
                if self._connection.watchdog.has_cut or failed_in_a_row == HOPELESS:
                    raise
                log.warning("message can't be fetched and stays where it is", action="message_not_fetched",
                            mailbox=self._account.name, uid=uid, trouble=str(failure))
        return found

    def _is_over(self, selected: Selected) -> bool:
        """Checks whether this pass must stop reading the folder: it is late, or the UIDs now mean other messages."""
        over = self.overdue.is_set() or self._selection.still(selected.folder, selected.uidvalidity) is None
        self.unfinished |= over
        return over


def _is_short(content: bytes, size: int, cap: int) -> bool:
    """Checks whether more is missing than a wrong estimate explains: Exchange only estimates RFC822.SIZE at times."""
    return 4 * len(content) < 3 * min(size, cap)
