"""One vendor a kind of platform over HTTP: each module is named like the kind and holds one class, `VENDOR`."""

import pkgutil
from importlib import import_module

from tests.outbox.platforms.vendor import Vendor


def vendor_classes() -> dict[str, type[Vendor]]:
    return {
        module.name: import_module(f"{__name__}.{module.name}").VENDOR for module in pkgutil.iter_modules(__path__)
    }
