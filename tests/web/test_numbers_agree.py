"""Whatever people do, every page, the metrics and the shell show the numbers that the ledger holds."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.model.ledger import Actor, State
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.service.clock import utcnow
from tests.web.conftest import Web
from tests.web.looking import section
from tests.web.looking import words as said
from tests.web.test_incidents import desk, the_alert  # noqa: F401 - a fixture

REPORTED = 60


def by(note: str = "they lost their directory") -> Actor:
    return Actor("jo", utcnow(), note)


def nothing(_: Web) -> None:
    pass


def release_some(client: Web) -> None:
    for number in range(13):
        assert client.ledger.suppressions.release(
            f"good{number}@gmail.com", None, by(), announce=announcer(client.settings)
        ) == 1


def suppress_some(client: Web) -> None:
    for number in range(5):
        client.ledger.suppressions.suppress(
            f"good{number}@gmail.com", "default", by(), announce=announcer(client.settings)
        )


def forget_some(client: Web) -> None:
    for number in range(3):
        client.ledger.privacy.forget(f"good{number}@gmail.com", by())


def undo_it(client: Web) -> None:
    incident = Incident.of(the_alert(client))
    assert incident is not None
    settings = client.settings
    list(client.ledger.suppressions.undo(incident, decider(settings), announcer(settings), by(), subject="x"))


def everything(client: Web) -> None:
    forget_some(client)
    release_some_of_the_rest(client)
    suppress_some(client)


def release_some_of_the_rest(client: Web) -> None:
    for number in range(10, 20):
        assert client.ledger.suppressions.release(
            f"good{number}@gmail.com", None, by(), announce=announcer(client.settings)
        ) == 1


ACTS: tuple[Callable[[Web], None], ...] = (
    nothing, release_some, suppress_some, forget_some, undo_it, everything,
)


def number_in(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    return int(found[1].replace(",", "")) if found else 0


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_after_each_act_all_numbers_are_those_of_the_ledger(desk: Web, act: Callable[[Web], None]) -> None:  # noqa: F811
    act(desk)
    standing = list(desk.ledger.lists.suppressions(SuppressionFilter()))
    held = sum(each.state is State.PENDING for each in standing)
    suppressed = sum(each.state is State.SUPPRESSED for each in standing)
    alert = the_alert(desk)
    assert alert.still_held == held == desk.ledger.browsing.incidents.held_numbers(alert.id).held
    overview = said(desk.get("/").text)
    assert number_in(overview, r"Held (\d+) address") == held, "the tile"
    assert number_in(overview, r"(\d+) suppressions? (?:is|are) held") == held, "the notice"
    provider = said(desk.get("/providers/google.com").text)
    assert number_in(provider, r"(\d+) suppressions? (?:is|are) held") == held
    incident = desk.get(f"/incidents/{alert.id}").text
    assert number_in(said(incident), r"(\d+) address(?:es are| is) held") == held
    metrics = desk.get("/metrics").text
    for state, number in (("pending", held), ("suppressed", suppressed)):
        assert number_in(metrics, rf'suppressions{{state="{state}"}} (\d+)') == number
    rows = desk.get("/api/v1/suppressions?limit=500").json()["suppressions"]
    assert sum(row["state"] == "pending" for row in rows) == held
    assert sum(row["state"] == "suppressed" for row in rows) == suppressed


def test_settings_show_ladders_in_their_order_under_the_keys_of_the_file(desk: Web) -> None:  # noqa: F811
    days = timedelta(days=1)
    ladder = (7 * days, 30 * days, 180 * days, None)
    desk.settings = replace(desk.settings, policy=PolicySettings(soft_expiry=ladder))
    shown = said(desk.get("/settings").text)
    assert "expiry.soft 7d, 30d, 180d, never" in shown
    assert "database.raw_retention 30d" in shown
    assert "soft_expiry" not in shown
    assert section(desk.get("/settings").text, "protected") is not None
