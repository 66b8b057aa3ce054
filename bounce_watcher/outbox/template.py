"""An operator's own small templates. Each value is escaped for the place where it is inserted. Pure.

They use Jinja2's grammar (jinja.palletsprojects.com, version 3.1, November 2026), but only the parts that can neither
loop nor grow: values, constants, a few filters, `~`, comparisons, `{% if %}`. So the time and memory for one change are
in proportion to the template and the values, whatever the operator writes.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import SandboxedEnvironment

MAX_TEMPLATE = 4096
MAX_TEXT = 64 * 1024
"""The longest result of one template, in characters."""

Scalar = str | int | None


class TemplateContext(Enum):
    """The place of a template, which decides how its values are escaped."""

    URL = "url"        # percent-encoded whole, never empty
    HEADER = "header"  # printable ASCII
    TEXT = "text"      # a form field or a JSON string: unchanged, because the code that builds the body escapes it


class BadTemplate(ValueError):
    """Raised for a template that can't be used. The text says why, without quoting the template."""


class Unfit(ValueError):
    """Raised if the values of a change do not fit into the template."""


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template. `names` are the values that it uses."""

    names: frozenset[str]
    _render: Callable[[Mapping[str, Scalar]], Any]
    _place: TemplateContext

    def render(self, values: Mapping[str, Scalar]) -> str:
        """Returns the text with `values` filled in. Raises Unfit."""
        text = self._filled(values)
        if self._place is TemplateContext.HEADER and not (text.isascii() and text.isprintable()):
            raise Unfit("a header can hold printable ASCII only")
        return str(text)

    def value(self, values: Mapping[str, Scalar]) -> Scalar:
        """Returns the same as `render`, but a template that is a single expression keeps its number or null."""
        found = self._filled(values)
        return found if found is None or isinstance(found, str | int) else str(found)

    def _filled(self, values: Mapping[str, Scalar]) -> Any:
        try:
            found = self._render(values)
        except Unfit:
            raise
        except (TemplateError, TypeError, ValueError) as error:
            raise Unfit(f"the template can't be filled in: {error}") from None
        if isinstance(found, str) and len(found) > MAX_TEXT:
            raise Unfit("comes to more than 64 KiB")
        return found


@cache
def template(source: str, place: TemplateContext, *, native: bool = False) -> Template:
    """Compiles a template. Set `native` to use its `value`. Raises BadTemplate."""
    if len(source) > MAX_TEMPLATE:
        raise BadTemplate("is longer than 4 KiB")
    environment = _environment(place)
    try:
        tree = environment.parse(source)
        _look_through(tree)
        names = frozenset(find_undeclared_variables(tree))
        match tree.body:
            case [nodes.Output(nodes=[part])] if native and not isinstance(part, nodes.TemplateData):
                evaluate = environment.compile_expression(source.strip()[2:-2].strip("-+"), undefined_to_none=False)
                return Template(names, lambda values: evaluate(**values), place)
        compiled = environment.from_string(source)
    except TemplateError as error:
        raise BadTemplate(f"is no template that can be read: {error.message}") from None
    return Template(names, lambda values: compiled.render(**values), place)


def unknown_names(found: Template, known: Collection[str]) -> list[str]:
    return sorted(found.names - set(known))


# ── what is allowed ─────────────────────────────────────────────────────────────────────────────────────────────────

_LET_IN = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter, nodes.Concat,
    nodes.CondExpr, nodes.If, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
)
_WORDS = {nodes.For: "{% for %}", nodes.Call: "a call", nodes.Getattr: "a dot", nodes.Getitem: "brackets"}


def _look_through(tree: nodes.Template) -> None:
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _LET_IN):
            what = _WORDS.get(type(node), type(node).__name__.lower())
            raise BadTemplate(f"holds {what}: a template is made of values, filters, ~, comparisons and {{% if %}}")
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise BadTemplate(f"holds the unknown filter {node.name}; there are {', '.join(FILTERS)}")


# ── how values are escaped ──────────────────────────────────────────────────────────────────────────────────────────

def _in_url(value: object) -> str:
    text = _in_text(value)
    if not text:  # DELETE /contacts/ would delete all of them
        raise Unfit("a value that stands in the address is empty")
    return quote(text, safe="", errors="replace")


def _in_text(value: object) -> str:
    return "" if value is None else str(value)


def _environment(place: TemplateContext) -> SandboxedEnvironment:
    written = _in_url if place is TemplateContext.URL else _in_text
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, finalize=written, keep_trailing_newline=True
    )
    environment.filters = dict(FILTERS)
    environment.globals, environment.tests = {}, {}
    return environment


def _bytes(value: Scalar) -> bytes:
    return _in_text(value).encode("utf-8", "replace")


def _base64(value: Scalar) -> str:
    content = _bytes(value)
    if len(content) > MAX_TEXT:  # each use makes the text a third longer
        raise Unfit("comes to more than 64 KiB")
    return b64encode(content).decode()


FILTERS: Mapping[str, Callable[..., Scalar]] = {
    "base64": _base64,
    "cut": lambda value, length: _in_text(value)[: int(length)],
    "default": lambda value, instead: instead if value in (None, "") else value,
    "lower": lambda value: _in_text(value).lower(),
    "md5": lambda value: hashlib.md5(_bytes(value), usedforsecurity=False).hexdigest(),
    "sha256": lambda value: hashlib.sha256(_bytes(value)).hexdigest(),
    "string": _in_text,
    "trim": lambda value: _in_text(value).strip(),
    "unix": lambda moment: int(datetime.fromisoformat(str(moment)).timestamp()) if moment else None,  # since 1970
    "upper": lambda value: _in_text(value).upper(),
}
