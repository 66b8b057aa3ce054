"""What the fork server imports: each worker is a copy of it that starts with the rules already read."""

from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.service import worker

__all__ = ["worker"]

load_builtin()
