"""Finds one address in all the ways in which texts and mail write it, and strikes it out.

Besides the plain form it reads these (every character of the address may be encoded, the case does not matter):

    "ada"@example.org  ada\\@example.org              quoted and escaped (RFC 5322 section 3.2.4)
    ada=example.org  ada==a==example.org              inside the return path of a mail: VERP, Sympa, our own tokens
    example.org=ada  example.org!ada                  SRS, and paths of UUCP
    ada%example.org  ada%40example.org  ada=40…       percent hack, URLs (RFC 3986), quoted-printable (RFC 2045)
    ada+40example.org  ada_40example.org              xtext (RFC 3461 section 4) and IMCEA, our own tokens
    ada&#64;example.org  \\x{61}da@example.org         HTML, and the escapes of RFC 6533
    ada at example dot org  ada [at] example.org      as people hide it

It finds an internationalised domain as A-label and as U-label (RFC 5890). In mail it also reads encoded parts and
headers. Pure, total, linear in the length of the text for one address.
"""

import binascii
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

import idna

from bounce_watcher.model.address import address_key
from bounce_watcher.parsing.charset import character, decode, decode_transfer, decode_words

STRUCK_OUT = "[forgotten]"  # replaces an address that was struck out
MAX_LAYERS = 3  # how many nested encodings are undone: a returned mail in base64 with a part in base64 has two
_ATOM = re.compile(r"[\w!#$%&'*+/=?^`{|}~.-]+")
_RUN = re.compile(r"[a-z0-9]+")
_DOT = r"(?:\.|[%+=_]2e|&#0*46;|&#x0*2e;|\s?[\[({]\s?dot\s?[\])}]\s?|\s{1,8}dot\s{1,8})"
_AT = r"(?:@|[%+=_]40|%2540|&#0*64;|&#x0*40;|&commat;|\\x\{0*40\}|\s?[\[({]\s?at\s?[\])}]\s?|\s{1,8}at\s{1,8})"
_QUOTE = r'(?:\\?"|[%+=_]22|&quot;|&#0*34;)'
_DOMAIN_ENDS = r"(?![^\W_]|-[^\W_]|(?:\.|[%+=_]2e)[^\W_])"
_PART_OF_NAME = re.compile(r"[\w.+-]")
_PAIRED = {"'": "'", "`": "'`", "*": "*", "_": "_", "{": "}", "|": "|", "/": "/", "~": "~"}
_IMCEA = re.compile(r"imcea[a-z0-9]{2,10}-$", re.IGNORECASE)
_ENCODED = re.compile(r"[%+=_][0-9a-f]{2}", re.IGNORECASE)


@dataclass(frozen=True)
class Mention:
    """The ways in which texts name one address. Create it with `of`."""

    local: str
    domain: str

    @classmethod
    def of(cls, address: str) -> "Mention":
        """Creates it from an `address` as written anywhere; the local part may be quoted."""
        local, _, domain = address_key(address).rpartition("@")
        return cls(bare_local(local), domain)

    @cached_property
    def hints(self) -> tuple[str, ...]:
        """Runs of ASCII letters and digits, in lower case, that every text with the address contains, in any form.

        Exceptions are texts that write letters as HTML entities (they contain "&#") or after backslashes.
        """
        labels = [label for label in self.domain.split(".") if not label.startswith("xn--")]
        runs = _RUN.findall(self.local.lower()), _RUN.findall(" ".join(labels))
        return tuple(max(found, key=len) for found in runs if found)

    def may_be_in(self, text: str) -> bool:
        """Checks cheaply whether `text` may name the address. False means that it does not."""
        low = text.lower().replace("\\", "")
        return all(hint in low for hint in self.hints) or "&#" in low

    def is_in(self, text: str, spare: Iterable["Mention"] = ()) -> bool:
        return bool(self.spans(text, spare))

    def masked(self, text: str, spare: Iterable["Mention"] = ()) -> str:
        """Returns `text` with STRUCK_OUT instead of the address; other addresses with the same ending stay."""
        for start, end in reversed(self.spans(text, spare)):
            text = f"{text[:start]}{STRUCK_OUT}{text[end:]}"
        return text

    def spans(self, text: str, spare: Iterable["Mention"] = ()) -> list[tuple[int, int]]:
        """Returns where the address is in `text`, except inside one of the addresses to `spare`."""
        if not self.may_be_in(text):
            return []
        found = sorted(span for pattern in self._patterns for span in pattern.spans(text))
        if not found:
            return []
        kept = [span for other in spare if other != self for span in other.spans(text)]
        apart: list[tuple[int, int]] = []
        for start, end in found:
            is_kept = any(first <= start and end <= last for first, last in kept)
            if not is_kept and (not apart or start >= apart[-1][1]):
                apart.append((start, end))
        return apart

    def is_in_mail(self, content: bytes, spare: Iterable["Mention"] = ()) -> bool:
        """Checks whether a raw message names the address anywhere, including encoded parts and headers."""
        others = tuple(spare)
        return any(self.is_in(text, others) for text in texts_of_mail(content))

    @cached_property
    def _patterns(self) -> tuple["_Pattern", ...]:
        local = self._local_pattern()
        domain = "|".join(
            "".join(_DOT if each == "." else _character(each) for each in name) for name in _spellings(self.domain)
        )
        return (
            _Pattern(rf"{local}(?P<sign>{_AT})(?:{domain}){_DOMAIN_ENDS}", is_embedded=False),
            _Pattern(rf"{local}(?P<sign>==a==|[=%])(?:{domain}){_DOMAIN_ENDS}", is_embedded=True),
            _Pattern(rf"(?:{domain})(?P<sign>[=!]){local}(?=[@=\s>]|$)", is_embedded=True),
        )

    def _local_pattern(self) -> str:
        name = "".join(rf"\\?{_character(each)}" for each in self.local)
        if _ATOM.fullmatch(self.local):
            return f"(?:{_QUOTE}{name}{_QUOTE}|{name})"
        encoded = "".join(_character(each) if _ATOM.fullmatch(each) else _encoded(each) for each in self.local)
        return f"(?:{_QUOTE}{name}{_QUOTE}|{encoded})"


class _Pattern:
    """A form of an address; `is_embedded`: inside another address or id, after its separator of parts."""

    def __init__(self, pattern: str, *, is_embedded: bool) -> None:
        self._pattern = re.compile(pattern, re.IGNORECASE)
        self._is_embedded = is_embedded

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        at = 0
        while match := self._pattern.search(text, at):
            if self._begins(text, match):
                yield match.span()
                at = match.end()
            else:
                at = match.start() + 1

    def _begins(self, text: str, match: re.Match[str]) -> bool:
        """Checks whether the local part begins where the match does, and is not the end of a longer one."""
        start, end = match.span()
        before = _before(text, start, match["sign"])
        if not before:
            return True
        if before in _PAIRED and text[end : end + 1] and text[end] in _PAIRED[before]:
            return True
        if self._is_embedded:
            return not before.isalnum()
        if _PART_OF_NAME.match(before):
            return _IMCEA.search(text, max(0, start - 20), start) is not None
        return not _is_whole_address(text, start, end)


def _before(text: str, start: int, sign: str) -> str:
    """Returns the character before `start`, decoded if it is encoded in the same way as the sign @."""
    head = text[max(0, start - 3) : start]
    if len(sign) == 3 and head[:1] == sign[:1] and _ENCODED.fullmatch(head):
        return chr(int(head[1:], 16))
    return head[-1:]


def _is_whole_address(text: str, start: int, end: int) -> bool:
    """Checks whether the match is only the end of an address between < and >, as in `<=ada@example.org>`."""
    opened = text.rfind("<", max(0, start - 65), start)
    return -1 < opened < start - 1 and text[end : end + 1] == ">" and not re.search(r"[\s>]", text[opened:start])


def bare_local(local: str) -> str:
    """Returns a local part without its quotes (RFC 5321 section 4.1.2): quoted or not, "ada" is the same mailbox."""
    if len(local) > 2 and local[0] == local[-1] == '"':
        return re.sub(r"\\(.)", r"\1", local[1:-1])
    return local


def _spellings(domain: str) -> list[str]:
    """Returns a domain as A-labels and as U-labels."""
    try:
        return list(dict.fromkeys((domain, idna.decode(domain))))
    except (UnicodeError, ValueError):
        return [domain]


def _character(character: str) -> str:
    """Returns a pattern for one character, plain or encoded."""
    return f"(?:{re.escape(character)}|{_encoded(character)})"


def _encoded(character: str) -> str:
    has_case = character.isascii() and character.isalnum()
    forms = {character.lower(), character.upper()} if has_case else {character}
    found: list[str] = ["__"] if character == "_" else []
    for form in sorted(forms):
        octets = form.encode("utf-8", "surrogatepass")
        found.append("".join(f"[%+=_]{octet:02x}" for octet in octets))
        found.append(rf"&#(?:0*{ord(form)}|x0*{ord(form):x});")
        found.append(rf"\\x\{{0*{ord(form):x}\}}")
    return f"(?:{'|'.join(found)})"


# ── mail ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{4,})*")
_UU_BEGINS, _UU_ENDS = re.compile(rb"^begin [0-7]{3,4} ", re.MULTILINE), re.compile(rb"^end\s*$", re.MULTILINE)
_WORDS = re.compile(r"=\?[^?\s]{1,60}\?[bq]\?[^?\s]*\?=(?:\s+=\?[^?\s]{1,60}\?[bq]\?[^?\s]*\?=)*", re.IGNORECASE)
_NUL_OR_BOM = re.compile("\0|\ufeff|\xff\xfe|\xfe\xff")
_FOLD = re.compile(r"\r?\n[ \t]+")
_TAG = re.compile(r"</?[a-z][^<>@]{0,300}>", re.IGNORECASE)
_SOFT_BREAK = re.compile(rb"=\r?\n")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_LONGEST_TOKEN = 400
_SAYS_SOMETHING = 0.9


def texts_of_mail(content: bytes) -> Iterator[str]:
    """Yields the texts of a raw message, as is and decoded: quoted-printable, base64, uuencode, encoded words, HTML.

    Encodings are recognised by their look, whether a header names them or not: reports quote mail in all ways.
    """
    layer = [content]
    for _ in range(MAX_LAYERS):
        inner: list[bytes] = []
        for octets in layer:
            yield from _readings(octets)
            inner.extend(_decoded(octets))
        layer = inner


def _readings(octets: bytes) -> Iterator[str]:
    text = decode(octets)
    yield text
    if "\0" in text:  # UTF-16 without a label
        yield _NUL_OR_BOM.sub("", text)
    if "=?" in text:
        yield _WORDS.sub(lambda match: decode_words(match[0]), text)
    for pattern in (_FOLD, _TAG):
        if (plain := pattern.sub("", text)) not in ("", text):
            yield plain


def _decoded(octets: bytes) -> Iterator[bytes]:
    if _SOFT_BREAK.search(octets):
        yield binascii.a2b_qp(octets)
    yield from _uuencoded(octets)
    blocks = [found for match in _BASE64.finditer(octets) for found in _base64(match[0])]
    if blocks:
        yield b"\n".join(blocks)


def _uuencoded(octets: bytes) -> Iterator[bytes]:
    at = 0
    while begins := _UU_BEGINS.search(octets, at):
        ends = _UU_ENDS.search(octets, begins.end())
        at = ends.end() if ends else len(octets)
        yield decode_transfer(octets[begins.start() : at], "uuencode")


def _base64(block: bytes) -> Iterator[bytes]:
    """Decodes a block that looks like base64, including the URL alphabet (RFC 4648 section 5)."""
    tokens = {block}
    if len(block) < _LONGEST_TOKEN:
        tokens.update(token for token in block.split(b"/") if len(token) >= 12)  # in the path of a URL
    for token in sorted(tokens):
        padded = token.translate(_TO_STANDARD) + b"=" * (-len(token) % 4 if len(token) < _LONGEST_TOKEN else 0)
        decoded = decode_transfer(padded, "base64")
        if len(token) < _LONGEST_TOKEN and not _is_text(decoded):
            continue
        yield decoded


def _is_text(octets: bytes) -> bool:
    """Checks whether the bytes are readable: a word of ordinary text decodes to noise."""
    shown = sum(32 <= octet < 127 or octet in b"\t\r\n\0" or octet > 194 for octet in octets)
    return bool(octets) and shown >= _SAYS_SOMETHING * len(octets)


# ── addresses that may be meant ─────────────────────────────────────────────────────────────────────────────────────

MAX_SIGNS = 20_000  # how many signs in one text are checked for a domain after them
_SIGN = re.compile(r"@|=(?:=a==)?|%|!")
_BEHIND = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?(?:\.[^\W_](?:[\w-]{0,61}[^\W_])?){1,8}")
_QUOTED = re.compile(r'"(?:[^"\\\r\n]|\\.){1,64}"$')
_STOPS = re.compile(r"""[\s<>()\[\],;:"@]""")
_SEPARATORS = re.compile(r"[\W_]")
_HEX = {mark: re.compile(rf"(?:{re.escape(mark)}[0-9a-f]{{2}})+", re.IGNORECASE) for mark in "%=+_"}
_HEX_NUMBER = re.compile(r"\\x\{0*([0-9a-f]{2,6})\}", re.IGNORECASE)
_ESCAPED = re.compile(r"""[^\s<>()\[\],;:"@]{1,130}%40[^\s<>()\[\],;:"@&/]{1,255}""")
_MARKED = re.compile(r"([%+=_])(?:40|2b|3d)", re.IGNORECASE)
_OUR_TOKEN = re.compile(r"r[a-z2-7]{15}=[^@\s]{0,400}_", re.IGNORECASE)
_HIDDEN_SIGN = re.compile(
    r"\s?[\[({]\s?at\s?[\])}]\s?|\s{1,8}at\s{1,8}(?=[^\s@]{1,255}(?:\.|\s{1,8}dot\s{1,8})\w)", re.IGNORECASE
)
_AT_AS_WORD = re.compile(r"(?<=[\s\[({])at[\s\])}]", re.IGNORECASE)
_HIDDEN_DOT = re.compile(r"\s?[\[({]\s?dot\s?[\])}]\s?|\s{1,8}dot\s{1,8}", re.IGNORECASE)
_LONGEST_LOCAL = 130
_MOST_STARTS = 8


def named_in(text: str) -> set[str]:
    """Returns every address that `text` may name, in any form: too many rather than too few. Check with `Mention`."""
    escaped = _ESCAPED.finditer(text) if "%40" in text else ()
    found = {named for match in escaped if (named := _unescaped_address(match[0]))}
    for reading in dict.fromkeys(_undone(text)):
        for number, sign in enumerate(_SIGN.finditer(reading)):
            if number == MAX_SIGNS:
                break
            found.update(_around(reading, sign))
    return found


def _undone(text: str) -> Iterator[str]:
    """Yields `text`, and its readings with one encoding of addresses undone in each."""
    yield text
    if "&" in text:
        yield html.unescape(text)
    if "\\" in text:
        yield _HEX_NUMBER.sub(lambda match: character(int(match[1], 16)), text)
        yield text.replace("\\", "")
    for mark in set(_MARKED.findall(text)):
        yield _HEX[mark].sub(_unescaped, text)
    if "_" in text and _OUR_TOKEN.search(text):
        yield _HEX["_"].sub(_unescaped, text.replace("__", "_5f"))
    if _AT_AS_WORD.search(text):
        yield _HIDDEN_DOT.sub(".", _HIDDEN_SIGN.sub("@", text))


def _unescaped_address(token: str) -> str | None:
    """Returns the address in a URL, whose local part may have blanks; None if there is none."""
    local, _, domain = unquote(token, errors="replace").rpartition("@")
    behind = _BEHIND.match(domain)
    return f"{local}@{behind[0]}" if behind else None


def _unescaped(match: re.Match[str]) -> str:
    octets = bytes(int(match[0][at + 1 : at + 3], 16) for at in range(0, len(match[0]), 3))
    return octets.decode("utf-8", "replace")


def _around(text: str, sign: re.Match[str]) -> Iterator[str]:
    head = text[max(0, sign.start() - _LONGEST_LOCAL) : sign.start()]
    if domain := _BEHIND.match(text, sign.end(), sign.end() + 256):
        for local in _locals_before(head):
            yield f"{local}@{domain[0]}"
    if sign[0] in {"=", "!"} and (domain := _BEHIND.fullmatch(re.split(r"[^\w.-]", head)[-1])):  # SRS, UUCP
        local = _STOPS.split(text[sign.end() : sign.end() + 64])[0].partition("=")[0]
        if local:
            yield f"{local}@{domain[0]}"


def _locals_before(head: str) -> Iterator[str]:
    """Yields the run before a sign, and its rest after each possible separator in it."""
    if quoted := _QUOTED.search(head):
        yield quoted[0]
        yield quoted[0][1:-1]
        return
    run = _STOPS.split(head)[-1]
    starts = [0, *(match.end() for match in _SEPARATORS.finditer(run))]
    for start in starts[-_MOST_STARTS:]:
        if run[start:]:
            yield run[start:]
