"""Turns HTML into lines of plain text (Coremail, QQ, Mimecast and others write no plain text at all)."""

import re

from selectolax.lexbor import LexborHTMLParser

MAX_HTML = 64 * 1024
"""How many characters of HTML are read. A notice takes a few KiB, its style sheet some more."""

_UNSEEN = "head, style, script, template, title, noscript, [style*='display:none'], [style*='display: none']"
_CELL = re.compile(r"<t[dh]\b", re.IGNORECASE)
_BLOCK = frozenset({
    "address", "article", "blockquote", "br", "center", "dd", "div", "dl", "dt", "fieldset", "footer", "form",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tbody",
    "tr", "ul",
})  # fmt: skip
_BLANKS = re.compile(r"\s+")
_MARKUP = re.compile(
    r"</?(?:[abiu]|br|p|div|span|t[dhr]|table|h[1-6r]|html|head|body|meta|pre|font|[ou]l|li)\b|&\w{2,8};",
    re.IGNORECASE,
)
_DOCUMENT = re.compile(r"\s*<(?:!doctype html|html|head|body|div|table|p|meta)\b", re.IGNORECASE)


def is_html(text: str) -> bool:
    """Checks whether a text is HTML, whatever its type says."""
    return _DOCUMENT.match(text) is not None


def has_markup(text: str) -> bool:
    """Checks whether a text labelled as HTML has markup: `<user@example.org>` in plain text is no element."""
    return _MARKUP.search(text, 0, MAX_HTML) is not None


def html_to_text(html: str) -> str:
    """Returns `html` as text: a line per block, cells of a row on one line, no scripts or hidden content. Total."""
    html = html[:MAX_HTML]
    if not _MARKUP.search(html):
        return html  # plain text under a wrong label: only its lines separate its addresses
    last = html.rfind(">") + 1
    if last and "@" in html[last:]:  # cut off: half an address is a different address
        html = html[:last]
    tree = LexborHTMLParser(_CELL.sub(r" \g<0>", html))  # cells outside of a table are no nodes
    if tree.body is None:
        return ""
    for node in tree.css(_UNSEEN):
        node.decompose()
    chunks: list[str] = []
    for node in tree.body.traverse(include_text=True):
        before = node.prev
        if node.tag in _BLOCK or (before is not None and before.tag in _BLOCK):
            chunks.append("\n")
        if node.tag == "-text":
            chunks.append(_BLANKS.sub(" ", node.text_content or ""))
    return "".join(chunks)
