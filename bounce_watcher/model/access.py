"""Who asks over HTTP, as far as it matters."""

from enum import StrEnum


class Role(StrEnum):
    """An operator looks and acts, a reader looks."""

    OPERATOR = "operator"
    READER = "reader"
