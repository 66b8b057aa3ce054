"""Real servers for every test that asks for one; see tests/servers."""

from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.servers.dovecot", "tests.servers.courier", "tests.servers.cyrus", "tests.servers.mailman",
    "tests.servers.mailutils", "tests.servers.nameserver", "tests.servers.postgres", "tests.servers.mariadb",
    "tests.servers.prism", "tests.servers.receiver", "tests.servers.redis", "tests.words.payloads",
]

settings.register_profile("steady", deadline=None, derandomize=True)  # no test fails for a busy machine or by chance
settings.load_profile("steady")

HERE = Path(__file__).parent
LONGEST = (
    "browser/test_every_page.py", "corpus/test_variants.py", "browser", "integration",
    "outbox/platforms/test_contract.py", "cli", "ledger", "intake", "service",
)
"""What takes longest a file begins first: the last files are then short, and no process waits long for another."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run what takes long as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all"):
        left_out = [item for item in items if item.get_closest_marker("whole")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: _rank(item.path.relative_to(HERE).as_posix() if item.path.is_relative_to(HERE) else ""))


def _rank(path: str) -> int:
    return next((rank for rank, beginning in enumerate(LONGEST) if path.startswith(beginning)), len(LONGEST))
