"""Logs hold no address in clear, whatever others say."""

import json
import logging
import re
from collections.abc import Iterator

import pytest
import structlog

from bounce_watcher import logs
from tests.families import for_each


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    handlers, level = logging.root.handlers, logging.root.level
    yield
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


def logged(capsys: pytest.CaptureFixture[str], format_: logs.Format, *said: str) -> list[str]:
    logs.configure("info", format_)
    for each in said:
        logs.log.warning("trouble began", action="trouble_raised", trouble=each, stuck=[each])
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("format_", ["logfmt", "json", "console"])
def test_an_address_in_what_somebody_says_is_a_hash_with_its_domain(
    capsys: pytest.CaptureFixture[str], format_: logs.Format
) -> None:
    (line,) = logged(capsys, format_, "HTTP 400: <Jo.Doe+x@mail.example.org> is unknown")
    assert "jo.doe" not in line.casefold()
    assert "@mail.example.org" in line
    assert "is unknown" in line


def test_one_address_has_one_hash(capsys: pytest.CaptureFixture[str]) -> None:
    one, same, other = (json.loads(line) for line in logged(
        capsys, "json", "a@example.org", "A@example.org", "b@example.org"
    ))
    assert one["trouble"].casefold() == same["trouble"].casefold() != other["trouble"]
    assert one["stuck"] == [one["trouble"]]


def test_a_traceback_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    try:
        raise ValueError("no such user: jo@example.org")
    except ValueError:
        logs.log.exception("broke")
    told = capsys.readouterr().err
    assert "ValueError" in told
    assert "jo@example.org" not in told


def test_what_is_no_address_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = logged(capsys, "json", "postgresql+psycopg at 127.0.0.1: 5.1.1 @ 3 tries, mailbox returns/INBOX")
    assert json.loads(line)["trouble"] == "postgresql+psycopg at 127.0.0.1: 5.1.1 @ 3 tries, mailbox returns/INBOX"


@pytest.mark.parametrize("format_", ["logfmt", "json", "console"])
def test_a_traceback_holds_no_address_and_nothing_of_what_the_code_had_in_hand(
    capsys: pytest.CaptureFixture[str], format_: logs.Format
) -> None:
    in_hand = "jo.doe" + "@example.org"
    logs.configure("info", format_)
    try:
        raise RuntimeError(f"broke for {in_hand}")
    except RuntimeError as error:
        logs.log.error("page failed", action="page_crashed", exc_info=error)
    told = capsys.readouterr().err
    assert "RuntimeError: broke for " in told
    assert "jo.doe" not in told


@for_each("format_", ["logfmt", "json", "console"])
@for_each("said", [
    'to "jo doe"@example.org now', "news+jo.doe=example.org@lists.example.com", "x?a=jo.doe%40example.org",
    "jo.doe%example.org@relay.example", "jo.doe" + "x" * 80 + "@example.org",
])
def test_no_form_of_an_address_is_told(capsys: pytest.CaptureFixture[str], format_: logs.Format, said: str) -> None:
    logs.configure("info", format_)
    logs.log.warning(said, trouble={"of": (said,)}, error=ValueError(said))
    told = capsys.readouterr().err
    assert "jo.doe" not in told
    assert "jo doe" not in told


@pytest.mark.parametrize("format_", ["logfmt", "json", "console"])
def test_nobody_writes_a_line_of_their_own(capsys: pytest.CaptureFixture[str], format_: logs.Format) -> None:
    (line,) = logged(capsys, format_, "550 no\r\nlevel=error event=forged \u202e\x1b]52;c;x\x07\x9b31m\u2028end")
    line = re.sub(r"\x1b\[[\d;]*m", "", line)  # our own colours
    assert line.isprintable()
    assert "end" in line
