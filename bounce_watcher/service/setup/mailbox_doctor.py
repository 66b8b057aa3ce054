"""The doctor's findings, one thing at a time; and its checks of a mailbox.

It selects watched folders as a pass does, and judges them by the same functions. It checks folders for settled mail for
rights and room. If the server can take out a single mail again (UIDPLUS), it puts one in to try.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from imapclient import DELETED, SEEN, IMAPClient

from bounce_watcher.intake.imap import folders, selecting
from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.connection import Connection
from bounce_watcher.intake.imap.failures import CommandRefused, one_line, refusals, secrets_of
from bounce_watcher.intake.imap.folders import Hierarchy
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.imap.selecting import KEYWORD, Selection, Settlement, quotas_of, rights_in, settlement_of
from bounce_watcher.intake.imap.watchdog import Watchdog
from bounce_watcher.model.faults import NoRoom
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words import obstacles


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked. `fix` is what to do: required if not `ok`, advice if it is."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


_APPENDED = re.compile(r"\[APPENDUID \d+ (\d+)\]", re.IGNORECASE)
"""RFC 4315 section 3."""


def examine(account: ImapAccount, tokens: TokenStore) -> Iterator[Check]:
    """Yields every check of one mailbox. Raises TemporaryFailure, or PermanentFailure with the fix."""
    name = str(account.about)
    with connected(account, tokens) as connection:
        yield _log_in(name, connection)
        yield Check(name, True, *_FILING[settlement_of(connection.client)])
        yield _idle(name, account, connection.client)
        yield from _folders(name, connection)


@contextmanager
def connected(account: ImapAccount, tokens: TokenStore) -> Iterator[Connection]:
    """Logs in, for questions to a mailbox's server. Raises TemporaryFailure, or PermanentFailure with the fix."""
    with Watchdog(account.pass_deadline, 2 * account.timeout) as watchdog:
        connection = Connection(account, watchdog, utcnow, tokens)
        try:
            connection.open()
            with connection.conversation("asking for its folders and abilities"):
                yield connection
            connection.close()
        finally:
            connection.drop()


def _log_in(name: str, connection: Connection) -> Check:
    account, way = connection.account, connection.fell_back_to
    told = f"logged in at {account.host}:{account.port}, security {account.security}"
    if way is None:
        return Check(name, True, told)
    return Check(name, True, f"{told}; AUTHENTICATE PLAIN does not work here, the other way does",
                 f'set auth = "{way}": without it each log-in tries both')


_FILING: Mapping[Settlement, tuple[str, str]] = {
    Settlement.MOVE: ("MOVE: settled mail is moved in one step", ""),
    Settlement.EXPUNGE: ("no MOVE, but UIDPLUS: settled mail is copied, then just these messages are expunged", ""),
    Settlement.KEYWORD: (
        f"neither MOVE nor UIDPLUS: settled mail is copied, stays, and is marked {KEYWORD.decode()} where the folder "
        "takes keywords", "empty the watched folder from time to time with a mail program",
    ),
}


def _idle(name: str, account: ImapAccount, client: IMAPClient) -> Check:
    if client.has_capability("IDLE"):
        return Check(name, True, "IDLE: new mail is seen at once" if account.idle else "IDLE is offered and turned off")
    return Check(name, True, f"no IDLE: new mail is seen with the next poll, every {account.poll_every}")


# ── folders ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def _folders(name: str, connection: Connection) -> Iterator[Check]:
    account, client = connection.account, connection.client
    hierarchy = folders.hierarchy_of(client)
    for configured in account.folders:
        yield _watched(name, connection, folders.find(client, hierarchy, configured).name)
    for configured in (account.processed_folder, account.review_folder, account.quarantine_folder):
        place = folders.find(client, hierarchy, configured)
        yield _destination(name, connection, place.name) if place.exists else _new(name, client, hierarchy, configured)


def _watched(name: str, connection: Connection, folder: str) -> Check:
    selected = Selection(connection).enter(folder)
    if selected is None:
        return Check(name, False, f"there is no folder {folder}", "fix `folder` in the configuration, or create it")
    if selected.obstacle is not None:
        return Check(name, False, *obstacles.explained(selected.obstacle))
    held = f"folder {folder} holds {selected.exists} messages"
    if selected.settlement is Settlement.KEPT:
        return Check(name, True, f"{held}; the server can mark none as settled, so the ledger keeps in mind which are",
                     "empty it from time to time with a mail program")
    return Check(name, True, held)


def _destination(name: str, connection: Connection, folder: str) -> Check:
    """Checks a folder for settled mail."""
    client = connection.client
    rights = rights_in(client, folder)
    if missing := rights.missing(selecting.INSERT):
        return _lacks(name, folder, missing, "settled mail can't be put there")
    full = tuple(quota for quota in quotas_of(client, folder) if quota.is_full)
    if full:
        return Check(name, False, *obstacles.explained(NoRoom(folder, full, "")))
    can_try = client.has_capability("UIDPLUS") and not rights.missing(selecting.REMOVE)
    refused = _tried(client, folder) if can_try else None
    if refused is None:
        return Check(name, True, f"folder {folder} is there")
    said = one_line(str(refused), secrets_of(connection.account))
    return Check(name, False, f"folder {folder} takes no mail (the server says: {said})",
                 "make room there, or give its user the right to put mail in")


def _new(name: str, client: IMAPClient, hierarchy: Hierarchy, configured: str) -> Check:
    """Checks whether a missing folder for settled mail can be made."""
    folder = hierarchy.name(configured)
    above, delimiter, _ = folder.rpartition(hierarchy.delimiter or "\0")
    while delimiter and above and not folders.exists(client, above):
        above, delimiter, _ = above.rpartition(delimiter)
    if above and (missing := rights_in(client, above).missing(selecting.CREATE)):
        return _lacks(name, above, missing, f"folder {folder} can't be made")
    told = f"folder {folder} is not there yet and will be made when it is needed"
    if hierarchy.splits(configured):
        return Check(name, True, f"{told}; the server takes “{hierarchy.delimiter}” for the end of a level",
                     "name another folder if that is not meant: levels are written with /")
    return Check(name, True, told)


def _lacks(name: str, folder: str, missing: tuple[str, ...], so: str) -> Check:
    return Check(name, False, f"folder {folder}: its user lacks the right {obstacles.rights(missing)}, so {so}",
                 obstacles.TO_GRANT)


def _tried(client: IMAPClient, folder: str) -> CommandRefused | None:
    """Puts one mail in and takes it out again. Returns the server's refusal, None if it took the mail."""
    mail = EmailMessage()
    mail["Subject"] = "bounce-watcher doctor: tried whether this folder takes mail; may be deleted"
    mail["Date"], mail["Message-ID"] = format_datetime(utcnow()), make_msgid(domain="doctor.invalid")
    mail.set_content("Put here by `bounce-watcher doctor`, which takes it out again.\n")
    try:
        with refusals():
            answer = client.append(folder, mail.as_bytes().replace(b"\n", b"\r\n"), [SEEN])
    except CommandRefused as refused:
        return refused
    found = _APPENDED.search(answer.decode("ascii", "replace") if isinstance(answer, bytes) else str(answer))
    if found:
        client.select_folder(folder)
        client.add_flags(found[1], DELETED, silent=True)
        client.uid_expunge(found[1])
    return None
