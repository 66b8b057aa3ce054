"""Templates: what is let in, and that no value gets out of its place."""

import contextlib
import json
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.outbox.template import FILTERS, BadTemplate, TemplateContext, Unfit, template
from tests.families import for_each

VALUES = {"recipient": "User@example.org", "reason": None, "sequence": 7, "at": "2026-11-26T08:30:00Z"}


@for_each(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("{{ recipient }}", "User@example.org"),
        ("<{{ recipient | lower }}>", "<user@example.org>"),
        ("{{ recipient | upper | cut(4) }}", "USER"),
        ("{{ reason }}", ""),
        ("{{ reason | default('unknown') }}", "unknown"),
        ("{{ at | unix }}", "1795681800"),
        ("{{ at | cut(10) }}", "2026-11-26"),
        ("{% if reason %}known{% else %}unknown{% endif %}", "unknown"),
        ("{{ 'a' if sequence > 5 else 'b' }}", "a"),
        ("{{ (recipient | lower) ~ sequence }}", "user@example.org7"),
        ("{{ recipient | lower | md5 }}", "572c3489ea700045927076136a969e27"),
        ("{{ 'abc' | sha256 }}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("{{ 'abc' | base64 }}", "YWJj"),
        ("line\n", "line\n"),
    ],
)
def test_what_comes_of_it(source: str, text: str) -> None:
    assert template(source, TemplateContext.TEXT).render(VALUES) == text


@for_each(
    ("source", "value"),
    [("{{ sequence }}", 7), ("{{ reason }}", None), ("{{ sequence | string }}", "7"), ("{{ at | unix }}", 1795681800),
     ("{{ recipient }}", "User@example.org"), ("no. {{ sequence }}", "no. 7"), ("{{ sequence }}{{ sequence }}", "77"),
     ("{{- sequence -}}", 7), ("7", "7"), ("null", "null")],
)
def test_one_expression_alone_keeps_what_it_is(source: str, value: object) -> None:
    found = template(source, TemplateContext.TEXT, native=True).value(VALUES)
    assert (found, type(found)) == (value, type(value))


@for_each(
    ("source", "told"),
    [
        ("{% for a in recipient %}x{% endfor %}", "holds {% for %}"),
        ("{{ range(9) }}", "holds a call"),
        ("{{ recipient.upper() }}", "holds a"),
        ("{{ recipient.__class__ }}", "holds a dot"),
        ("{{ recipient[0] }}", "holds brackets"),
        ("{{ recipient * 9 }}", "holds mul"),
        ("{{ 9 ** 9 }}", "holds pow"),
        ("{% set a = recipient %}", "holds"),
        ("{% macro a() %}{% endmacro %}", "holds macro"),
        ("{% include 'x' %}", "holds include"),
        ("{{ recipient | replace('a', 'b') }}", "holds the unknown filter replace"),
        ("{% if reason %}{{ recipient | zork }}{% endif %}", "holds the unknown filter zork"),
        ("{{ recipient", "is no template that can be read"),
        ("{% if recipient %}", "is no template that can be read"),
        ("x" * 4097, "is longer than 4 KiB"),
    ],
)
@for_each("native", [False, True])
def test_what_could_loop_grow_or_reach_further_is_not_let_in(source: str, told: str, native: bool) -> None:
    with pytest.raises(BadTemplate) as error:
        template(source, TemplateContext.TEXT, native=native)
    assert str(error.value).startswith(told)


def test_it_tells_which_values_it_asks_for() -> None:
    assert template(
        "{{ recipient }}{% if a %}{{ b }}{% endif %}", TemplateContext.TEXT
    ).names == {"recipient", "a", "b"}


@for_each("name", sorted(FILTERS))
def test_no_filter_lets_it_grow_for_ever(name: str) -> None:
    call = {"default": "default('x')", "cut": "cut(9)"}.get(name, name)
    source = "{{ recipient" + f"|{call}" * 50 + " }}"
    with contextlib.suppress(Unfit):
        assert len(template(source, TemplateContext.TEXT).render({"recipient": "2026-11-26" * 10})) <= 64 * 1024


@pytest.mark.parametrize("empty", ["", None])
def test_nothing_empty_stands_in_an_address(empty: str | None) -> None:
    with pytest.raises(Unfit, match="empty"):
        template("/contacts/{{ recipient }}", TemplateContext.URL).render({"recipient": empty})


def test_what_an_address_says_itself_stays() -> None:
    url = "/a b/{{ recipient }}?x=1&y={{ recipient }}#f"
    assert template(url, TemplateContext.URL).render({"recipient": "a/b?c"}) == "/a b/a%2Fb%3Fc?x=1&y=a%2Fb%3Fc#f"


@given(st.text(min_size=1))
def test_no_value_leaves_its_segment(value: str) -> None:
    rendered = template("/contacts/{{ v }}/block?who={{ v }}", TemplateContext.URL).render({"v": value})
    parts = urlsplit(f"https://host.example{rendered}")
    assert parts.hostname == "host.example"
    assert [unquote(part) for part in parts.path.split("/")] == ["", "contacts", _kept(value), "block"]
    assert parts.query.count("=") == 1
    assert parts.fragment == ""


@given(st.text())
def test_no_value_breaks_a_header(value: str) -> None:
    try:
        header = template("x-{{ v }}", TemplateContext.HEADER).render({"v": value})
    except Unfit:
        return
    assert header == f"x-{value}"
    assert all(" " <= character <= "~" for character in header)


@given(st.text())
def test_no_value_leaves_its_string_in_json(value: str) -> None:
    found = template("<{{ v }}>", TemplateContext.TEXT, native=True).value({"v": value})
    assert json.loads(json.dumps({"a": found})) == {"a": f"<{value}>"}


def _kept(value: str) -> str:
    return value.encode("utf-8", "replace").decode()
