"""A command waits for what it needs, and for nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from bounce_watcher.service.demo import stage
from tests.cli.conftest import Program

ROOT = Path(__file__).parents[2]

DATABASE = {"sqlalchemy", "sqlmodel", "alembic", "psycopg"}
NETWORK = {"imapclient", "httpx", "authlib", "apscheduler", "pymap"}
WEB = {"fastapi", "starlette", "uvicorn", "jinja2"}
SELDOM = {"apprise", "botocore", "cryptography", "dns", "flufl", "httpcore", "pymysql", "redis", "selectolax"}


def imported(*arguments: str, first: tuple[str, ...] = ("-m", "bounce_watcher"), deep: bool = False) -> set[str]:
    """The packages, ours and others', that a run of the program imports; with `deep` every module."""
    command = [sys.executable, "-X", "importtime", *first, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT)
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    return modules if deep else {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("classify-reply", "550 no such user")])
def test_what_needs_no_database_and_no_network_waits_for_none(arguments: tuple[str, ...]) -> None:
    assert imported(*arguments) & (DATABASE | NETWORK) == set()


@pytest.mark.parametrize("arguments", [("events", "list", "--help"), ("init", "--help"), ("run", "--help")])
def test_help_waits_for_nothing_that_the_command_works_with(arguments: tuple[str, ...]) -> None:
    assert imported(*arguments) & (DATABASE | NETWORK | WEB | SELDOM | {"structlog"}) == set()


@pytest.mark.parametrize("arguments", [
    ("suppressions", "list"), ("suppressions", "show", "bela@full.example"), ("events", "list"), ("alerts", "list"),
])
def test_a_list_waits_for_the_tables_alone(arguments: tuple[str, ...], filled: Program) -> None:
    """None of what writes, sends, reads mail or answers HTTP; not even of what draws tables, as this is a pipe."""
    found = imported(*arguments, "-c", str(filled.config), deep=True)
    assert "bounce_watcher.ledger.lists.lists" in found
    writing = ("recording.recording", "outbox.outbox", "recording.record", "recording.guard", "db.steps")
    assert found & {f"bounce_watcher.ledger.{each}" for each in writing} == set()
    analysing = ("classification.rule_check", "classification.classify", "parsing.transcript", "pipeline")
    assert found & {f"bounce_watcher.{each}" for each in analysing} == set()
    packages = {each.partition(".")[0] for each in found}
    assert packages & (NETWORK | WEB | SELDOM | {"alembic", "structlog", "rich"}) == set()


def test_classify_waits_for_neither(mail: Path) -> None:
    assert imported("classify", str(mail)) & (DATABASE | NETWORK) == set()


def test_a_poll_needs_alembic_only_where_a_migration_is_pending() -> None:
    with stage() as here:
        arguments = ("poll", "-c", str(here.config))
        assert imported(*arguments) >= {"alembic", "sqlalchemy", "imapclient"}
        assert imported(*arguments) & {"alembic", "apscheduler", "pymap"} == set()


def test_the_service_waits_for_what_answers_http_only_where_it_answers() -> None:
    found = imported(first=("-c", "import bounce_watcher.service.app"))
    assert found >= {"apscheduler", "sqlalchemy"}
    assert found & WEB == set()


def test_a_process_that_analyses_imports_the_analysis_alone() -> None:
    found = imported(first=("-c", "import bounce_watcher.service.analysis.worker"))
    assert "flufl" in found
    assert found & (DATABASE | NETWORK | {"structlog", "rich", "typer", "pydantic"}) == set()
