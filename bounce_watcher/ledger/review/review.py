"""What waits for a person: unrecognised mail, grouped by wording, and opt-outs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from bounce_watcher.ledger.actions import Act, Acting
from bounce_watcher.ledger.db.paging import Page, PagePosition
from bounce_watcher.ledger.db.query import Facets, Query
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.review import browsing, optouts
from bounce_watcher.ledger.review import groups as review
from bounce_watcher.model.ledger import Actor, BounceEvent
from bounce_watcher.model.optout import KeptOptOut


class Review(Acting):
    """The capability for what waits for a person: unrecognised mail, grouped by wording, and opt-outs."""

    def page(
        self, wanted: Query, place: PagePosition, now: datetime | None = None
    ) -> Page[review.ReviewGroup]:
        """Returns a page of the groups of unrecognised mail, those that came back first. With `now`, each has the
        counts of its last days.

        Raises TookTooLong.
        """
        return browsing.page(self._engine, wanted, place, now)

    def groups(self, wanted: Query) -> Iterator[review.ReviewGroup]:
        """Yields all matching groups, in the order of `page`."""
        return browsing.everything(self._engine, wanted)

    def facets(self, wanted: Query) -> Facets | None:
        """Returns the number of groups by state, kind, language and provider; None if counting took too long."""
        return browsing.facets(self._engine, wanted)

    def group(self, gid: str, now: datetime | None = None) -> review.ReviewGroup | None:
        """Returns the group with that id, None if there is none. With `now`, it has the counts of its last days."""
        return browsing.group(self._engine, gid, now)

    def events(self, gid: str, limit: int, *, newest_first: bool = True) -> list[BounceEvent]:
        """Returns up to `limit` events of a group, the newest or the oldest."""
        return browsing.events(self._engine, gid, limit, newest_first=newest_first)

    def mails(self, gid: str, limit: int, *, newest_first: bool = True) -> list[browsing.UnreadMail]:
        """Returns up to `limit` messages of a group in which no recipient was found, the newest or the oldest."""
        return browsing.mails(self._engine, gid, limit, newest_first=newest_first)

    def mail(self, gid: str, digest: str) -> browsing.UnreadMail | None:
        """Returns one message of a group in which no recipient was found; None if it is not in the group."""
        return browsing.mail(self._engine, gid, digest)

    def said(self, since: datetime) -> Iterator[Sequence[tuple[datetime, str, str | None]]]:
        """Yields the diagnostic of every event from `since` on, newest first, in pages: the time, the event's id, the
        text."""
        return browsing.said(self._engine, since)

    def events_named(self, ids: Sequence[str]) -> list[BounceEvent]:
        """Returns the events with these ids, newest first."""
        return browsing.named(self._engine, ids)

    def set_aside(self, gid: str, a_day: int | None, by: Actor) -> bool:
        """Sets a group aside until more than `a_day` come on one day (None = for good). Returns False if there is no
        such group."""
        return self._on_group(gid, "set aside", by, lambda connection, note: review.set_aside(
            connection, gid, a_day, note, by.at
        ))

    def note_rule(self, gid: str, rule: str, by: Actor) -> bool:
        """Records that the rule with that id was saved for a group. Returns False if there is no such group."""
        return self._on_group(gid, f"saved the rule {rule}", by, lambda connection, note: review.note_rule(
            connection, gid, f"{rule}: {note}", by.at
        ))

    def take_up(self, gid: str, by: Actor) -> bool:
        """Makes a group that was dealt with wait for a person again. Returns False if there is no such group."""
        return self._on_group(gid, "taken up again", by, lambda connection, note: review.take_up(
            connection, gid, note, by.at
        ))

    def _on_group(self, gid: str, action: str, by: Actor, work: Callable[[Connection, str], int | None]) -> bool:
        def noted(connection: Connection) -> int | None:
            return work(connection, forget.unnamed(connection, by.note or ""))

        return self._act(Act(by, action, gid), noted, lambda mails: mails) is not None

    def opt_out_page(self, place: PagePosition, *, done: bool = False) -> Page[KeptOptOut]:
        """Returns a page of the waiting or the settled opt-outs, newest first. Raises TookTooLong."""
        return optouts.page(self._engine, place, done=done)

    def opt_outs(self, *, done: bool = False) -> Iterator[KeptOptOut]:
        """Yields all waiting or all settled opt-outs, newest first."""
        return optouts.everything(self._engine, done=done)

    def opt_out(self, name: str) -> KeptOptOut | None:
        """Returns the opt-out with that id; None if there is none."""
        return optouts.one(self._engine, name)

    def opt_outs_of(self, address: str) -> list[KeptOptOut]:
        """Returns the opt-outs that name an address as the recipient, or came from it, newest first."""
        return optouts.of_address(self._engine, forget.known_as(self._engine, address))

    def settle_opt_outs(
        self, ids: Sequence[str], by: Actor, *, recipient: str | None = None, is_done: bool = True
    ) -> int:
        """Marks opt-outs as dealt with, or as waiting again if not `is_done`. Returns how many were changed.

        The log names `recipient` if they are all of one, else their group.
        """
        def work(connection: Connection) -> int:
            note = by.note and forget.unnamed(connection, by.note)
            kept = replace(by, name=forget.unnamed(connection, by.name), note=note)
            return optouts.settle(connection, ids, kept, is_done=is_done)

        action = "opt-out done" if is_done else "opt-out up"
        return self._act(Act(by, action, optouts.GID, recipient), work, _if_any)


def _if_any(changed: int) -> int | None:
    return int(changed) or None
