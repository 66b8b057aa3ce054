"""The extras of the package, for features that only some users need. If one is missing, one line says which."""

from collections.abc import Mapping
from importlib.util import find_spec

PACKAGES: Mapping[str, str] = {
    "demo": "pymap", "languages": "pycld2", "mysql": "pymysql", "notify": "apprise", "redis": "redis",
    "ses": "botocore",
}
"""A package for each extra that no other extra installs."""


def missing(extra: str) -> str | None:
    """Returns the end of a sentence that says which extra is missing; None if it is installed."""
    if find_spec(PACKAGES[extra]):
        return None
    return f"needs the extra '{extra}': pip install 'bounce-watcher[{extra}]'"
