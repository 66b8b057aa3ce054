"""What only some need comes with an extra of the package. Where one is missing, one line says which."""

from collections.abc import Mapping
from importlib.util import find_spec

PACKAGES: Mapping[str, str] = {
    "demo": "pymap", "languages": "pycld2", "mysql": "pymysql", "notify": "apprise", "redis": "redis",
    "ses": "botocore",
}
"""Each extra, by the package that comes with it alone."""


def missing(extra: str) -> str | None:
    """What somebody lacks who needs an extra, as the end of a sentence; None where it is installed."""
    if find_spec(PACKAGES[extra]):
        return None
    return f"needs the extra '{extra}': pip install 'bounce-watcher[{extra}]'"
