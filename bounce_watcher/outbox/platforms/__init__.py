"""One file a kind of platform, named like it: it holds one class, `TARGET`; the page for people stands beside it."""

import pkgutil
from importlib import import_module

from bounce_watcher.outbox.platform import Platform


def kinds() -> tuple[str, ...]:
    """Every kind that a `[[platform]]` may be of, in order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def platform_class(kind: str) -> type[Platform]:
    """Raises ModuleNotFoundError for a kind that is not among `kinds`."""
    found: type[Platform] = import_module(f"{__name__}.{kind}").TARGET
    return found
