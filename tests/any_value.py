"""Values of any type of the model, for properties that must hold of all of them."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

LINE_ENDS = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
"""What strangers and people write is put on one line before it is in a value."""

PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"], exclude_characters=LINE_ENDS), max_size=12),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
}


@cache
def any_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type with anything in their fields, optional ones too, which `st.from_type` leaves at their default.
    """
    if hint in PLAIN:
        return PLAIN[hint]
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(*map(any_of, get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(any_of(get_args(hint)[0]), max_size=5).map(tuple)
    if is_dataclass(hint):
        return st.deferred(lambda: _built(hint))
    return st.from_type(hint)


def _built(of: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(of)
    return st.builds(of, **{field.name: any_of(hints[field.name]) for field in fields(of)})
