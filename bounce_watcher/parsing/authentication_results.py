"""Parses an Authentication-Results field (RFC 8601 section 2.2): a server's results for DKIM, SPF and DMARC of a mail.

It follows the ABNF, but accepts any word where the ABNF is narrower: Gmail, for one, leaves header.b unquoted. A field
with another version than 1 cannot be understood. Microsoft's fields without a server's name do not count.
"""

import re
from dataclasses import dataclass

from bounce_watcher.parsing.charset import one_line

MAX_VALUE = 4_000  # how many characters of one field are read
MAX_RESULTS = 50
MAX_PROPERTIES = 20

_OUTSIDE = re.compile(r'"(?:[^"\\]|\\.)*"?|[^"(;]+|.', re.DOTALL)
_COMMENT = re.compile(r"\\.|[^()\\]+|.", re.DOTALL)
_SERVER = re.compile(r'("[^"]*"|[^\s"=]+)(?:\s+(\d+))?')
_LOOSE = re.compile(r"\s?([=./])\s?")
_WORD = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*"?)+')
_QUOTED_PAIR = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method and its result, both in lower case: ("dkim", "pass").

    `properties` say what was checked, as written, in the order of the field: ("header.d", "example.org").
    """

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """Returns the first property of that name; "" if there is none."""
        return next((value for each, value in self.properties if each == name), "")


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """The results of one field. `authserv_id` names the server, as written; "none" gives no `results`."""

    authserv_id: str
    results: tuple[MethodResult, ...] = ()


def parse_authentication_results(value: str) -> AuthenticationResults | None:
    """Parses an unfolded field; None if it is none. Total, in time linear in the length of the field."""
    head, *rest = _parts(value[:MAX_VALUE])
    server = _SERVER.fullmatch(head.strip())
    if server is None or not rest or int(server[2] or 1) != 1:
        return None
    found = (_result(part) for part in rest[:MAX_RESULTS])
    return AuthenticationResults(_plain(server[1]), tuple(each for each in found if each))


def _parts(value: str) -> list[str]:
    """Returns the parts between semicolons, each on one line, without comments.

    Comments nest, and a quote means nothing inside them. Inside quotes there are no comments and no separators (RFC
    5322 section 3.2.2): servers repeat there what the sender chose.
    """
    parts: list[list[str]] = [[]]
    at = depth = 0
    while at < len(value):
        token = (_COMMENT if depth else _OUTSIDE).match(value, at)
        assert token is not None  # each ends in "any character"
        at = token.end()
        if token[0] == "(":
            depth += 1
            parts[-1].append(" ")
        elif depth:
            depth -= token[0] == ")"
        elif token[0] == ";":
            parts.append([])
        else:
            parts[-1].append(token[0])
    return [one_line("".join(part)) for part in parts]


def _result(part: str) -> MethodResult | None:
    """Parses `dkim=pass reason="…" header.d=example.org`; a version may follow the method's name: `dkim/1`."""
    words = _WORD.findall(_LOOSE.sub(r"\1", part))[: MAX_PROPERTIES + 1]
    (method, result), *more = [_pair(word) for word in words] or [("", "")]
    if not (method and result) or "." in method:
        return None
    properties = tuple((name, value) for name, value in more if "." in name)
    return MethodResult(method.partition("/")[0], result.lower(), properties)


def _pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name.lower(), _plain(value)


def _plain(text: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", text[1:-1]) if text.startswith('"') and text.endswith('"') else text
