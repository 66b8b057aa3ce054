"""Pages as text, and what their links lead to."""

import re
from html import unescape

from tests.web.conftest import Web


def page(client: Web, path: str) -> str:
    """The main part of a page that could be made."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text[answer.text.index("<main"):]


def words(html: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<title>.*?</title>|<svg.*?</svg>", "", html))).split())


def section(html: str, name: str) -> str:
    """The part of a page with that heading's id."""
    found = re.search(rf'<section[^>]*aria-labelledby="{name}".*?</section>', html, re.DOTALL)
    assert found, name
    return found[0]


def rows(html: str) -> list[list[str]]:
    """The cells of each row of a table's body."""
    body = re.search(r"<tbody>(.*?)</tbody>", html, re.DOTALL)
    assert body
    return [[words(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
            for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body[1], re.DOTALL)]


def tile(html: str, title: str) -> tuple[str, str]:
    """Its number and its text."""
    found = re.search(rf'>{title}</a><span class="n">(.*?)</span><span class="small">(.*?)</span>', html)
    assert found, title
    return unescape(found[1]), unescape(found[2])


def links(html: str, beginning: str = "/") -> list[str]:
    return [unescape(each) for each in re.findall(r'href="([^"]*)"', html) if unescape(each).startswith(beginning)]


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


def form_of(text: str, **fields: str) -> dict[str, str]:
    """What a form that shows a preview sends back."""
    return {"csrf": csrf_of(text), "seen": text.split('name="seen" value="', 1)[1].split('"', 1)[0], **fields}
