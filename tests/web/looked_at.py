"""What must hold for every page, whatever strangers wrote."""

import re
from html.parser import HTMLParser

HOSTILE = (
    '<script>alert(1)</script>', '"><svg onload=alert(1)>', "{{ 7*7 }}", "=cmd|' /C calc'!A0", "\u202egnp.exe",
    "\x1b]52;c;eA==\x07", "a\x00b", "' onmouseover='x", "javascript:alert(1)", "\u200b\u2066x", "&lt;b&gt;",
)
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_OF_CHARTS = {"class", "viewbox", "preserveaspectratio", "aria-hidden", "focusable"}
"""What web/view/charts.py writes on a picture: strangers' words bring no such one."""


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def demand_harmless(page: str) -> None:
    """No code but our file's, no style but our sheet's, no address of elsewhere, no character that cannot be seen."""
    parser = _Tags()
    parser.feed(page)
    for tag, attributes in parser.found:
        assert tag != "svg" or attributes.keys() == _OF_CHARTS, attributes
        assert tag not in {"iframe", "object", "embed", "base", "style", "img"}, (tag, attributes)
        assert tag != "script" or (attributes["src"] or "").startswith("/static/"), attributes
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        for name in ("href", "src", "action", "formaction"):
            value = attributes.get(name)
            assert value is None or value.startswith(("/", "#")), (tag, name, value)
            assert not (value or "").startswith("//"), (tag, name, value)
    assert _INVISIBLE.findall(page) == []
