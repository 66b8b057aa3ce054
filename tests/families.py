"""A family of cases in one test: all of them are tried, and each that fails is named."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from typing import Any

import pytest

Check = Callable[..., None]

SHOWN = 20
"""Failures that are shown at length; all are named."""


def for_each(
    names: str | Sequence[str], cases: Iterable[Any], *, ids: Callable[[Any], object] | Iterable[str] | None = None
) -> Callable[[Check], Check]:
    """Like `pytest.mark.parametrize`, but its cases are one test: to collect and report thousands takes long.

    The cases share the fixtures of the test, but for those of `_own`. None can be skipped: what does not hold for a
    case is not tried on it.
    """
    wanted = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    family = dict(_named(wanted, list(cases), ids))

    def decorate(check: Check) -> Check:
        @wraps(check)
        def test(**fixtures: Any) -> None:
            assert family, "no case is left"
            failed = {name: told for name, case in family.items() if (told := _failure(check, case, fixtures))}
            if failed:
                shown = "\n".join(f"── {name}\n{told}" for name, told in list(failed.items())[:SHOWN])
                pytest.fail(f"{len(failed)} of {len(family)} fail: {', '.join(failed)}\n{shown}", pytrace=False)

        asked = signature(check)
        fixtures = [argument for name, argument in asked.parameters.items() if name not in wanted]
        test.__signature__ = asked.replace(parameters=fixtures)  # type: ignore[attr-defined]  # by this pytest goes
        return test

    return decorate


def _named(
    wanted: Sequence[str], cases: Sequence[Any], ids: Callable[[Any], object] | Iterable[str] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    given = [None] * len(cases) if ids is None or callable(ids) else list(ids)
    seen = set[str]()
    for number, (case, told) in enumerate(zip(cases, given, strict=True)):
        values = case if len(wanted) > 1 else (case,)
        param = case if isinstance(case, type(pytest.param())) else pytest.param(*values)
        assert not param.marks, "a mark belongs to a whole test"
        parts = (str((ids(value) if callable(ids) else None) or value) for value in param.values)
        name = str(param.id or told or "-".join(" ".join(part.split())[:60] for part in parts))
        name = f"{name} ({number})" if name in seen else name
        seen.add(name)
        yield name, dict(zip(wanted, param.values, strict=True))


def _failure(check: Check, case: Mapping[str, Any], fixtures: Mapping[str, Any]) -> str:
    """What went wrong; nothing where all is well."""
    try:
        with _own(fixtures) as ready:
            check(**ready, **case)
    except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:
        where = error.__traceback__ and error.__traceback__.tb_next
        return "".join(traceback.format_exception(type(error), error, where))
    return ""


@contextmanager
def _own(fixtures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The fixtures, those that remember something as new: no case finds what another has left."""
    with pytest.MonkeyPatch.context() as patch:
        ready = dict(fixtures)
        if "monkeypatch" in ready:
            ready["monkeypatch"] = patch
        if "tmp_path" in ready:
            number = sum(1 for _ in ready["tmp_path"].iterdir())
            ready["tmp_path"] = ready["tmp_path"] / str(number)
            ready["tmp_path"].mkdir()
        for name in {"capsys", "capfd"} & set(ready):
            ready[name].readouterr()
        if "caplog" in ready:
            ready["caplog"].clear()
        yield ready
