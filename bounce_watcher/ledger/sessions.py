"""Sign-ins of people in a browser. They are kept only here, so each can be ended at any time.

The browser holds a random secret of 256 bits, the ledger its SHA-256: reading the ledger lets nobody use a session.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update
from sqlalchemy import Row as Fetched

from bounce_watcher.ledger.actions import Act, enter
from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.tables import WEB_SESSION
from bounce_watcher.ledger.db.types import storable
from bounce_watcher.ledger.keyring import secret
from bounce_watcher.model.ledger import Actor

LASTS = timedelta(hours=12)
"""How long a session lasts after the sign-in."""
IDLE = timedelta(hours=2)
"""How long a session lasts without a request."""
MOST = 1000
"""The most sessions at a time. One more sign-in ends the least recently used session."""

_SEEN_EVERY = timedelta(minutes=1)
"""How precisely the time of the last request is kept, so that not every page request writes."""
_LONGEST = 200


class Role(StrEnum):
    """An operator looks and acts, a reader looks."""

    OPERATOR = "operator"
    READER = "reader"


@dataclass(frozen=True, slots=True)
class WebSession:
    """A sign-in. `id` identifies it but gives no access. `opened_by` is a keyed fingerprint of the token presented."""

    id: str
    role: Role
    opened_by: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    peer: str
    agent: str

    @property
    def ends_at(self) -> datetime:
        """When the session ends if no further request comes."""
        return min(self.expires_at, self.seen_at + IDLE)


class Sessions(Capability):
    """The sessions in the ledger."""

    @cached_property
    def key(self) -> bytes:
        """The key that protects what pages show against forgery. It is random, so it reveals nothing about a token."""
        return secret(self._engine, "web")

    def open(self, role: Role, opened_by: str, now: datetime, *, peer: str, agent: str) -> tuple[WebSession, str]:
        """Creates a session. Returns it with the secret that only the browser may hold."""
        shown = secrets.token_urlsafe(32)
        made = WebSession(
            secrets.token_hex(6), role, opened_by, now, now, now + LASTS, peer, storable(agent[:_LONGEST])
        )
        values = {**asdict(made), "digest": _digest(shown), "role": role.value}

        def put(connection: Connection) -> None:
            kept = select(WEB_SESSION.c.digest).order_by(WEB_SESSION.c.seen_at.desc()).limit(MOST - 1)
            connection.execute(delete(WEB_SESSION).where(WEB_SESSION.c.digest.not_in(kept)))
            connection.execute(insert(WEB_SESSION).values(values))

        write(self._engine, put)
        return made, shown

    def find(self, shown: str, now: datetime) -> WebSession | None:
        """Returns the session of a secret; None if there is none or it has ended."""
        chosen = select(WEB_SESSION).where(WEB_SESSION.c.digest == _digest(shown), ~_is_over(now))
        row = self._row(chosen)
        return _read(row) if row is not None else None

    def touch(self, found: WebSession, now: datetime) -> None:
        """Records that the session was used."""
        if now - found.seen_at >= _SEEN_EVERY:
            used = update(WEB_SESSION).where(WEB_SESSION.c.id == found.id).values(seen_at=now)
            write(self._engine, lambda connection: connection.execute(used))

    def all(self, now: datetime) -> Sequence[WebSession]:
        """Returns the open sessions, the most recently used first."""
        chosen = select(WEB_SESSION).where(~_is_over(now)).order_by(WEB_SESSION.c.seen_at.desc(), WEB_SESSION.c.id)
        return [_read(row) for row in self._rows(chosen)]

    def end(self, wanted: Collection[str] | None, by: Actor) -> list[str]:
        """Ends sessions by their ids (None = all) and logs each. Returns the ids of the sessions that existed."""
        which = delete(WEB_SESSION).returning(WEB_SESSION.c.id)
        chosen = which if wanted is None else which.where(WEB_SESSION.c.id.in_(wanted))

        def work(connection: Connection) -> list[str]:
            ended = sorted(connection.scalars(chosen))
            for each in ended:
                enter(connection, None, Act(by, "end-session", each))
            return ended

        return write(self._engine, work)

    def sign_out(self, session: str) -> None:
        """Ends the caller's own session. The log of actions does not record this."""
        self._delete(WEB_SESSION.c.id == session)

    def keep(self, openers: Collection[tuple[Role, str]]) -> int:
        """Ends the sessions whose token is no longer set, or no longer set for their role. Returns how many."""
        held = [(WEB_SESSION.c.role == role.value) & (WEB_SESSION.c.opened_by == token) for role, token in openers]
        return self._delete(~or_(*held) if held else None)

    def sweep(self, now: datetime) -> int:
        """Deletes the sessions that are over. Returns how many."""
        return self._delete(_is_over(now))

    def _delete(self, which: ColumnElement[bool] | None) -> int:
        gone = delete(WEB_SESSION) if which is None else delete(WEB_SESSION).where(which)
        return write(self._engine, lambda connection: connection.execute(gone).rowcount)


def _digest(shown: str) -> str:
    return hashlib.sha256(shown.encode()).hexdigest()


def _is_over(now: datetime) -> ColumnElement[bool]:
    return or_(WEB_SESSION.c.expires_at <= now, WEB_SESSION.c.seen_at <= now - IDLE)


def _read(row: Fetched[Any]) -> WebSession:
    return WebSession(
        row.id, Role(row.role), row.opened_by, row.created_at, row.seen_at, row.expires_at, row.peer, row.agent
    )
