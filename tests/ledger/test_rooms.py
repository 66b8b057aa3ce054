"""The rooms of a ledger are imported when they are first asked for, and all at once for a service."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from bounce_watcher.ledger.store import Ledger

ledger = Ledger.connect(sys.argv[1])
ledger.upgrade()
before = set(sys.modules)
ledger.load()
loaded = set(sys.modules)
for name in ("names", *vars(Ledger)):
    if not name.startswith("_"):
        getattr(ledger, name)
print(*sorted(name for name in loaded - before if name.startswith("bounce_watcher.ledger.")))
print(*sorted(name for name in set(sys.modules) - loaded if name.startswith("bounce_watcher.")))
"""


def test_a_service_imports_all_of_them_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, f"sqlite:///{tmp_path}/ledger.db"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded, later = done.stdout.split("\n")[:2]
    rooms = {name.split(".")[2] for name in loaded.split()}
    assert rooms >= {"recording", "suppressions", "outbox", "history", "lists", "review", "privacy", "actions"}
    assert later == ""
