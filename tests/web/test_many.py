"""What previews say of a target that a person paused: it would be told, and is sent nothing until it is resumed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from bounce_watcher.model.ledger import Actor, NoticeType
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from tests.outbox.samples import target
from tests.web.conftest import Web
from tests.web.looking import words as said
from tests.web.test_incidents import POLICY, desk, path_of, the_alert  # noqa: F401 - a fixture

PAUSED = "crm-hook is paused: nothing is sent until it is resumed."
DEAF = target("billing", types=frozenset({NoticeType.ALERT_RAISED}))


def of_one(action: str) -> Callable[[Web], str]:
    return lambda web: f"/recipients/{web.ledger.names.name('dead1n0@gmail.com')}/{action}"


def undo_of_days_before(web: Web) -> str:
    began = the_alert(web).since
    times = {"from": began - timedelta(days=11), "to": began - timedelta(hours=1)}
    return f"/undo?{urlencode({name: at.strftime('%Y-%m-%dT%H:%M') for name, at in times.items()})}"


TELLING: dict[str, Callable[[Web], str]] = {
    "release one": of_one("release"), "suppress one": of_one("suppress"), "protect one": of_one("protect"),
    "release what a filter shows": lambda _: "/recipients/release?state=suppressed",
    "confirm all held": lambda web: f"{path_of(web)}/confirm", "undo": undo_of_days_before,
}
TELLING_NOBODY: dict[str, Callable[[Web], str]] = {
    "release all held": lambda web: f"{path_of(web)}/release",
    "undo of what is held": lambda web: f"{path_of(web)}/undo",
    "release of what is held": lambda _: "/recipients/release?state=pending",
}


def pause(client: Web, *names: str) -> None:
    for name in names:
        assert client.ledger.outbox.pause(name, Actor("jo", utcnow(), "they move"))


@pytest.mark.parametrize("path", TELLING.values(), ids=TELLING)
def test_a_preview_says_once_who_is_told_only_later(desk: Web, path: Callable[[Web], str]) -> None:  # noqa: F811
    desk.settings = replace(desk.settings, webhooks=(*desk.settings.webhooks, DEAF))
    before = said(desk.get(path(desk)).text)
    assert " to crm-hook" in before
    assert "is paused" not in before
    pause(desk, "crm-hook", "billing", "of another configuration")
    after = said(desk.get(path(desk)).text)
    assert (after.count(PAUSED), after.count("is paused")) == (1, 1), "of those that would hear of it"
    desk.settings = replace(desk.settings, policy=replace(POLICY, mode=Mode.SHADOW))
    assert "is paused" not in said(desk.get(path(desk)).text), "nobody is told anyway"


@pytest.mark.parametrize("path", TELLING_NOBODY.values(), ids=TELLING_NOBODY)
def test_where_nothing_is_sent_a_pause_does_not_matter(desk: Web, path: Callable[[Web], str]) -> None:  # noqa: F811
    pause(desk, "crm-hook")
    shown = said(desk.get(path(desk)).text)
    assert "targets were never notified" in shown
    assert "is paused" not in shown
