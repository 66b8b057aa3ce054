"""An operator's rules, for commands that need nothing else of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bounce_watcher.classification.ruleset import OwnRules


def rules_of(config: Path | None) -> OwnRules:
    """Returns the rules of the configuration named on the command line; none if none was named.

    Raises ConfigError with everything that is wrong with the file.
    """
    if config is None:
        return ()
    from bounce_watcher.config import load

    return load(config).rules
