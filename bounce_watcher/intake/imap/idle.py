"""IDLE (RFC 2177) as a hint that mail has arrived. Polling never relies on it."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from imapclient import IMAPClient

from bounce_watcher.intake.imap import folders
from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.connection import Connection
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.imap.watchdog import Watchdog

RENEW_AFTER = timedelta(minutes=4)
"""RFC 2177 allows 29 minutes, but Microsoft 365 falls silent on long ones, and NAT drops connections after five."""

TICK = 1.0
"""Seconds after which a wait checks whether it should stop."""


def wait_for_mail(
    account: ImapAccount, stop: threading.Event, on_mail: Callable[[], None], *, now: Callable[[], datetime],
    tokens: TokenStore, renew_after: timedelta = RENEW_AFTER,
) -> bool:
    """Watches the account's first folder on a separate connection. Calls `on_mail` when mail arrives.

    Also calls `on_mail` at the start if the folder has any mail. Returns True once `stop` is set, False if the server
    has no IDLE. Raises TemporaryFailure or PermanentFailure when the connection ends; the caller tries again later.
    A connection that dies silently is noticed within `renew_after` and one more `timeout`.
    """
    with Watchdog(renew_after + 2 * account.timeout, account.timeout) as watchdog:
        connection = Connection(account, watchdog, now, tokens)
        try:
            client = connection.client
            with connection.conversation("selecting a folder to watch"):
                if not client.has_capability("IDLE"):
                    return False
                place = folders.find(client, folders.hierarchy_of(client), account.folders[0])
                answer = client.select_folder(place.name, readonly=True)
            if answer.get(b"EXISTS"):
                on_mail()
            while not stop.is_set():
                watchdog.feed()
                _listen(connection, client, stop, on_mail, renew_after)
            return True
        finally:
            connection.drop()


def _listen(
    connection: Connection, client: IMAPClient, stop: threading.Event, on_mail: Callable[[], None],
    renew_after: timedelta,
) -> None:
    """Runs one IDLE for at most `renew_after`. It ends sooner if the server sends much: it counts waits, not time."""
    with connection.conversation("starting IDLE"):
        client.idle()
    for _ in range(max(1, round(renew_after.total_seconds() / TICK))):
        with connection.conversation("waiting for mail"):
            heard = client.idle_check(TICK)
        if _tells_of_mail(heard):
            on_mail()
        if stop.is_set():
            return
    with connection.conversation("ending IDLE"):
        _, heard = client.idle_done()
    if _tells_of_mail(heard):
        on_mail()


def _tells_of_mail(heard: Sequence[Sequence[object]]) -> bool:
    return any(len(each) > 1 and each[1] == b"EXISTS" for each in heard)
