"""README on who gets in: its lines of the log are those that are written, and its filter for fail2ban finds them."""

import logging
import re
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from bounce_watcher import logs
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web.http.session import BURST, PACE, Throttle
from tests.docs.pages import README

HOST = r"(?:\[?(?:::f{4,6}:)?(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})\]?|(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|::){1,7}[0-9a-fA-F:]*))"
"""What fail2ban puts in the place of <HOST>, without names of hosts."""


def block(mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers, root.level = before[0], before[1]
    structlog.configure(**before[2])


def line(capsys: pytest.CaptureFixture[str], peer: str, way: Literal["bearer", "form"] = "bearer") -> str:
    logs.configure("info", "logfmt")
    Throttle().failed(peer, utcnow(), way=way, wanted="operator")
    return capsys.readouterr().err.removesuffix("\n")


def filter_() -> re.Pattern[str]:
    (found,) = re.findall(r"^failregex = (.*)$", block("fail2ban"), re.MULTILINE)
    return re.compile(found.replace("<HOST>", HOST))


def test_the_line_is_as_readme_shows_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    assert line(capsys, "203.0.113.7") + "\n" == block("auth-failed")


@pytest.mark.parametrize(("peer", "group"), [("203.0.113.7", "ip4"), ("2001:db8::7", "ip6"), ("::1", "ip6")])
def test_the_filter_finds_the_peer(capsys: pytest.CaptureFixture[str], peer: str, group: str) -> None:
    written = line(capsys, peer, "form")
    stamp = re.search(r"timestamp=(\S+)", written)
    assert stamp
    bare = written.removeprefix(f"{stamp[0]} ")
    for shown in (written, bare, written.replace(stamp[1], ""), f"mx bounce-watcher[4711]: {bare}"):
        found = filter_().search(shown)
        assert found, shown
        assert found[group] == peer


def test_nobody_is_banned_by_what_a_stranger_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    """A text in the log may hold the very line, and a line break before it."""
    forged = line(capsys, "198.51.100.1")
    for text in (forged, f"x\n{forged}", f'x" {forged}', f"x\r{forged}", f'"\n{forged}\n'):
        logs.log.warning("page failed", action="page_crashed", trouble=text)
        told = capsys.readouterr().err
        assert "auth_failed" in told
        assert [each for each in told.split("\n") if filter_().search(each)] == []


def test_the_numbers_are_those_that_hold() -> None:
    assert f"After {BURST} wrong tokens" in README
    assert f"one try every {PACE.total_seconds():g} seconds" in README
