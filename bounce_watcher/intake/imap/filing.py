"""Moves settled mail out of its folder, and handles mail that can't leave.

A copied message is never copied again: the start of each COPY is stored first, so that after a crash we look for the
copies. Mail that can't leave is stored too: it is not read again, and each pass tries again to file it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from imapclient import DELETED, IMAPClient

from bounce_watcher.intake.imap import copies, folders, uids
from bounce_watcher.intake.imap.connection import Connection
from bounce_watcher.intake.imap.failures import CommandRefused, one_line, refusals, secrets_of
from bounce_watcher.intake.imap.folders import Hierarchy
from bounce_watcher.intake.imap.selecting import KEYWORD, Selected, Selection, Settlement, quotas_of
from bounce_watcher.logs import log
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.model.faults import NoRoom, NotFiled, NotTaken, Obstacle, Refusal
from bounce_watcher.model.message import CopyBegun, Destination, Unfiled

TRIED_AGAIN = 50
"""Messages in one command after a refusal to file: a destination may have room for some but not for all."""


class UnfiledMail(Protocol):
    """A store of settled mail that could not leave its folder, by `source` (as in RawMessage), UIDVALIDITY and UID.

    Every method raises TemporaryFailure or PermanentFailure.
    """

    def of(self, source: str, uidvalidity: int) -> Mapping[int, Unfiled]:
        """Returns the unfiled mail by UID. Drops what is stored for older UIDVALIDITY values: it is meaningless now."""
        ...

    def keep(self, source: str, uidvalidity: int, uids: Collection[int], as_: Unfiled) -> None:
        """Stores `as_` for these messages, replacing what was stored before."""
        ...

    def drop(self, source: str, uidvalidity: int, uids: Collection[int]) -> None:
        """Removes messages that have left their folder."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A watched folder: `label` is its name for a person ("returns/INBOX"), `folder` its name on the server."""

    label: str
    folder: str


class Filer:
    """Files the mail of one pass, without retrying a refusal in it. Raises TemporaryFailure or PermanentFailure."""

    def __init__(
        self, connection: Connection, selection: Selection, hierarchy: Hierarchy, sources: Sequence[Source],
        unfiled: UnfiledMail, note: Callable[[Obstacle], None],
    ) -> None:
        account = connection.account
        self._connection = connection
        self._selection = selection
        self._hierarchy = hierarchy
        self._watched = [source.folder for source in sources]
        self._unfiled = unfiled
        self._note = note
        self._names = {
            Destination.PROCESSED: account.processed_folder, Destination.REVIEW: account.review_folder,
            Destination.QUARANTINE: account.quarantine_folder,
        }
        self._places: dict[Destination, str] = {}
        self._closed: set[tuple[Source, Destination]] = set()
        self._stuck: set[Source] = set()
        self._kept: dict[Source, set[int]] = {}
        for name in self._names.values():
            self._refuse_circle(hierarchy.name(name))

    def unread(self, source: Source, selected: Selected, numbers: Sequence[int], over: Callable[[], bool]) -> list[int]:
        """Returns the folder's messages that are not stored as unfiled. Tries to file the others until it is `over`."""
        kept = self._unfiled.of(source.label, selected.uidvalidity)
        there = {uid: kept[uid] for uid in numbers if uid in kept}
        if gone := kept.keys() - there.keys():
            self._unfiled.drop(source.label, selected.uidvalidity, gone)
        self._kept[source] = set(there)
        try:
            self._try_again(source, selected, there, over)
        except TemporaryFailure as failure:  # unfiled mail must not stop the reading
            self._note(NotFiled(source.folder, str(failure)))
        return [uid for uid in numbers if uid not in there]

    def file(self, source: Source, uidvalidity: int | None, numbers: Collection[int], to: Destination) -> bool:
        """Files messages. Returns False if the folder was renumbered or is gone, or if others removed some of them.

        The messages that are left there are read again.
        """
        is_whole = True
        for batch in uids.commands(numbers):
            selected = self._selection.still(source.folder, uidvalidity)
            if selected is None:
                return False
            is_whole &= self._file(source, selected, batch, Unfiled(to))
        return is_whole

    # What earlier passes left

    def _try_again(
        self, source: Source, selected: Selected, kept: Mapping[int, Unfiled], over: Callable[[], bool]
    ) -> None:
        for unfiled in dict.fromkeys(kept.values()):
            numbers = [uid for uid, each in kept.items() if each == unfiled]
            if unfiled.begun is not None and not unfiled.copied:
                copied = self._copied(source, numbers, unfiled.to, unfiled.begun)
                self._keep(source, selected, copied, Unfiled(unfiled.to, copied=True))
                self._file_some(source, selected, sorted(copied), Unfiled(unfiled.to, copied=True), over)
                numbers = [uid for uid in numbers if uid not in copied]
            self._file_some(source, selected, numbers, replace(unfiled, begun=None), over)

    def _file_some(
        self, source: Source, selected: Selected, numbers: Sequence[int], unfiled: Unfiled, over: Callable[[], bool]
    ) -> None:
        if unfiled.copied and selected.settlement is Settlement.KEPT:
            return
        for batch in uids.batches(numbers, TRIED_AGAIN):
            still = None if over() else self._selection.still(source.folder, selected.uidvalidity)
            if still is None or not self._file(source, still, batch, unfiled):
                return
            if source in self._stuck or (source, unfiled.to) in self._closed:
                return

    def _copied(self, source: Source, numbers: Sequence[int], to: Destination, begun: CopyBegun) -> set[int]:
        """Returns the messages whose copies arrived unnoticed; none if we can't look into the destination."""
        connection = self._connection
        self._selection.leave()
        with connection.conversation(f"looking for copies in {self._names[to]}"):
            place = folders.find(connection.client, self._hierarchy, self._names[to])
            longest = connection.account.max_message_bytes
            return copies.copied(connection, source.folder, numbers, place.name, begun, longest)

    # One command's messages

    def _file(self, source: Source, selected: Selected, batch: Sequence[int], unfiled: Unfiled) -> bool:
        """Files one batch. Returns False if others removed some of the messages meanwhile."""
        how = Settlement.KEPT if source in self._stuck else selected.settlement
        if not unfiled.copied and (source, unfiled.to) in self._closed:
            self._keep(source, selected, batch, unfiled)
            return True
        with self._connection.conversation(f"filing mail of {source.folder} in {self._names[unfiled.to]}"):
            if unfiled.copied:
                return self._take_away(source, selected, batch, unfiled.to, how)
            return self._put(source, selected, batch, unfiled.to, how)

    def _put(self, source: Source, selected: Selected, batch: Sequence[int], to: Destination, how: Settlement) -> bool:
        """Moves messages, or copies them and takes them away."""
        client, unfiled = self._connection.client, Unfiled(to)
        put = client.move if how is Settlement.MOVE else client.copy
        try:
            if how is not Settlement.MOVE:
                unfiled = replace(unfiled, begun=copies.state_of(self._connection, self._place(to)))
            if unfiled.begun is not None:
                self._keep(source, selected, batch, unfiled)
            self._into(to, lambda place: put(uids.compact(batch), place))
        except CommandRefused as refused:
            if _is_of_others(refused):
                return False
            self._close(source, to, refused)
            self._keep(source, selected, batch, unfiled)
            return True
        if how is not Settlement.MOVE:
            return self._take_away(source, selected, batch, to, how)
        self._conclude(source, selected, batch, to, how)
        return True

    def _take_away(
        self, source: Source, selected: Selected, batch: Sequence[int], to: Destination, how: Settlement
    ) -> bool:
        copied = Unfiled(to, copied=True)
        if how is Settlement.KEPT:
            self._keep(source, selected, batch, copied)
            return True
        try:
            with refusals():
                take_away(self._connection.client, how, uids.compact(batch))
        except CommandRefused as refused:
            if _is_of_others(refused):
                return False
            self._stuck.add(source)
            self._note(Refusal(source.folder, self._named(to), self._said(refused)))
            self._keep(source, selected, batch, copied)
            return True
        self._conclude(source, selected, batch, to, how)
        return True

    def _conclude(
        self, source: Source, selected: Selected, batch: Sequence[int], to: Destination, how: Settlement
    ) -> None:
        """Checks that the messages are gone: Dovecot and Courier say OK even if they lack the rights and do nothing."""
        unmarked = f" UNKEYWORD {KEYWORD.decode()}" if how is Settlement.KEYWORD else ""
        left = set(self._connection.client.search(f"UID {uids.compact(batch)}{unmarked}")).intersection(batch)
        if left:
            self._stuck.add(source)
            self._note(NotTaken(source.folder))
            self._keep(source, selected, sorted(left), Unfiled(to, copied=True))
        if gone := self._kept.get(source, set()).intersection(batch) - left:
            self._unfiled.drop(source.label, selected.uidvalidity, gone)
            self._kept[source] -= gone

    # The destination

    def _into(self, to: Destination, put: Callable[[str], object]) -> None:
        place = self._place(to)
        try:
            with refusals():
                put(place)
        except CommandRefused as refused:
            if "[TRYCREATE]" not in str(refused).upper():  # RFC 3501 section 6.4.7
                raise
            folders.create(self._connection.client, place)
            with refusals():
                put(place)

    def _place(self, to: Destination) -> str:
        """Returns the destination's name on the server. Creates the folder, once a pass, if it is missing: not every
        server says TRYCREATE. Raises CommandRefused."""
        if to not in self._places:
            client, name = self._connection.client, self._names[to]
            found = folders.find(client, self._hierarchy, name)
            self._refuse_circle(found.name)
            if not found.exists:
                if self._hierarchy.splits(name):
                    log.warning("the server takes a sign in this name for the end of a level", action="name_splits",
                                folder=found.name, delimiter=self._hierarchy.delimiter)
                folders.create(client, found.name)
            self._places[to] = found.name
        return self._places[to]

    def _named(self, to: Destination) -> str:
        return self._places.get(to, self._hierarchy.name(self._names[to]))

    def _close(self, source: Source, to: Destination, refused: CommandRefused) -> None:
        self._closed.add((source, to))
        place, said = self._named(to), self._said(refused)
        quotas = quotas_of(self._connection.client, place)
        full = tuple(quota for quota in quotas if quota.is_full)
        is_full = bool(full) or "QUOTA" in said.upper()  # [OVERQUOTA] of RFC 5530, or only in the text
        self._note(NoRoom(place, full or quotas, said) if is_full else Refusal(source.folder, place, said))

    def _said(self, refused: CommandRefused) -> str:
        return one_line(str(refused), secrets_of(self._connection.account))

    def _refuse_circle(self, place: str) -> None:
        if any(folders.same(place, folder) for folder in self._watched):
            raise PermanentFailure(
                f"settled mail would go to {place}, which is watched", "name another folder",
                about=self._connection.account.about,
            )

    # What is stored

    def _keep(self, source: Source, selected: Selected, batch: Collection[int], as_: Unfiled) -> None:
        self._unfiled.keep(source.label, selected.uidvalidity, batch, as_)
        self._kept.setdefault(source, set()).update(batch)


def _is_of_others(refused: CommandRefused) -> bool:
    """Checks for RFC 5530's code that another connection has expunged some of the messages."""
    return "[EXPUNGEISSUED]" in str(refused).upper()


def take_away(client: IMAPClient, how: Settlement, numbers: str) -> None:
    """Marks or removes messages (a sequence set) of the selected folder. Never expunges anybody else's messages."""
    if how is Settlement.KEYWORD:
        client.add_flags(numbers, KEYWORD, silent=True)
        return
    client.add_flags(numbers, DELETED, silent=True)
    client.uid_expunge(numbers)
