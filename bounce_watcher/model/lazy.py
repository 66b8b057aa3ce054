"""Values that are computed on first use."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 - reads as what it does, like property
    """functools.cached_property without its lock. Before Python 3.12, the lock costs more than most values kept here.

    Needs an instance with a `__dict__`. Two threads may both do the work, so the work must be pure.
    """

    def __init__(self, work: Callable[[Any], T]) -> None:
        self._work = work
        self._name = work.__name__
        self.__doc__ = work.__doc__

    def __get__(self, owner: Any, kind: type | None = None) -> T:
        value = owner.__dict__[self._name] = self._work(owner)
        return value
