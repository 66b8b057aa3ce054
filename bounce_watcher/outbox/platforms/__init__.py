"""One file for each kind of platform, named after it. It holds one `Platform`; a page for people is beside it."""

import pkgutil
from importlib import import_module

from bounce_watcher.outbox.platform import Platform


def kinds() -> tuple[str, ...]:
    """Returns every kind that a `[[platform]]` may have, in order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def platform_class(kind: str) -> type[Platform]:
    """Returns the class of a kind. Raises ModuleNotFoundError for a kind that is not among `kinds`."""
    module = import_module(f"{__name__}.{kind}")
    classes = (each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Platform))
    return next(each for each in classes if each.__module__ == module.__name__)
