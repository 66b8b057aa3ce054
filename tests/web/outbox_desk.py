"""An outbox in which something of each kind stands, as the tests of its pages find it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor, Attempt, Disposition, OutboxItem
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from tests.outbox.samples import target
from tests.web.conftest import Web

Make = Callable[..., Web]
HOOK, OTHER = target("crm-hook"), target("other")
LEASE = timedelta(minutes=5)
DELIVERED = Attempt(Disposition.DELIVERED, "204")
GONE = Attempt(Disposition.GONE, "410 Gone")


def dead(answer: str) -> Attempt:
    return Attempt(Disposition.DEAD, answer)


def tell(client: Web, names: Iterable[str], domain: str = "example.org") -> None:
    for name in names:
        by = Actor("jo", utcnow(), "asked")
        client.ledger.suppressions.suppress(f"{name}@{domain}", "default", by, announce=announcer(client.settings))


def answer(client: Web, target_name: str, *attempts: Attempt) -> list[OutboxItem]:
    now = utcnow()
    items = client.ledger.outbox.lease(target_name, now, LEASE, len(attempts))
    assert len(items) == len(attempts)
    client.ledger.outbox.conclude(list(zip(items, attempts, strict=True)), now)
    return items


def laid_out(client: Web) -> Web:
    """To crm-hook: a and b gave up alike, c gave up otherwise, d was delivered, e is tried again, f waits."""
    client.settings = replace(client.settings, webhooks=(HOOK,))
    tell(client, "abcdef")
    answer(client, "crm-hook", dead("500: request 8f3a9c1b2d failed for a@example.org"),
           dead("500: request 1177aa00ff failed for b@example.org"), dead("HTTP 400: no such list"), DELIVERED,
           Attempt(Disposition.RETRY, "HTTP 503", utcnow() + timedelta(hours=1)))
    return client


def items(ledger: Ledger) -> dict[str, OutboxItem]:
    """By the first letter of whom they are about."""
    return {(item.recipient or "?")[0]: item for item in ledger.lists.outbox()}


def path_of(client: Web, letter: str) -> str:
    return f"/outbox/{items(client.ledger)[letter].id}"


def state_of(ledger: Ledger) -> object:
    """All that an action on a page could change."""
    return (
        list(ledger.lists.suppressions()), list(ledger.lists.events()), list(ledger.lists.outbox()),
        list(ledger.log.newest()), ledger.lists.disabled_endpoints(), ledger.outbox.paused(),
    )
