"""Real servers for every test that asks for one; see tests/servers."""

import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bounce_watcher.classification import rule_check
from bounce_watcher.cli.commands import LazyGroup
from bounce_watcher.service.operations import drafting

pytest_plugins = [
    "tests.servers.dovecot", "tests.servers.courier", "tests.servers.cyrus", "tests.servers.mailman",
    "tests.servers.mailutils", "tests.servers.nameserver", "tests.servers.postgres", "tests.servers.mariadb",
    "tests.servers.prism", "tests.servers.receiver", "tests.servers.redis", "tests.words.payloads",
]

# No test fails for a busy machine. By chance alone none fails either, but with --all: there more is tried each time.
settings.register_profile("steady", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("whole", deadline=None, max_examples=100, print_blob=True)

HERE = Path(__file__).parent
LONGEST = (
    "browser/test_every_page.py", "corpus/test_variants.py", "browser", "integration",
    "simulation", "pipeline", "outbox/platforms/test_contract.py", "cli", "ledger", "intake", "service",
)
"""What takes longest a file begins first: the last files are then short, and no process waits long for another."""


@pytest.fixture(scope="session", autouse=True)
def commands_are_built_once() -> Iterator[None]:
    """The program builds the one command that it is called with. Here a process calls hundreds of them."""
    built = dict[str, Any]()

    def load(group: LazyGroup, name: str) -> Any:
        if name not in built:
            built[name] = real(group, name)
        return built[name]

    real = LazyGroup.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LazyGroup, "load", load)
        yield


@pytest.fixture(scope="session", autouse=True)
def rules_are_checked_once() -> Iterator[None]:
    """An operator's files are checked by all of our examples: here hundreds of commands read the same ones."""
    checked = cache(rule_check.check)
    with pytest.MonkeyPatch.context() as patch:
        for module in (rule_check, drafting):
            patch.setattr(module, "check", checked)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run what takes long as well")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("whole" if config.getoption("--all") else "steady")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all"):
        left_out = [item for item in items if _is_for_all(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _is_for_all(item)]
    items.sort(key=lambda item: _rank(item.path.relative_to(HERE).as_posix() if item.path.is_relative_to(HERE) else ""))


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: no search for garbage goes through it again."""
    gc.collect()
    gc.freeze()


def _is_for_all(item: pytest.Item) -> bool:
    """Whether it is run with --all alone: what is marked so, and PostgreSQL where it is not marked as what differs."""
    if item.get_closest_marker("whole"):
        return True
    on_postgresql = "postgresql" in _params(item).values()
    return on_postgresql and not item.get_closest_marker("dialects")


def _params(item: pytest.Item) -> dict[str, object]:
    called = getattr(item, "callspec", None)
    return called.params if called else {}


def _rank(path: str) -> int:
    return next((rank for rank, beginning in enumerate(LONGEST) if path.startswith(beginning)), len(LONGEST))
