"""A mail as text: its header, its text, its parts and its source. None of it is ever markup here."""

from dataclasses import dataclass

from starlette.responses import Response

from bounce_watcher.parsing.html_text import has_markup, html_to_text
from bounce_watcher.parsing.message import Part, parse
from bounce_watcher.words.formatting import harmless

MOST_SHOWN, LONGEST_PART = 256 * 1024, 64 * 1024
"""The most characters shown of the source, and of a part."""
MOST_FIELDS, LONGEST_FIELD = 200, 2000
_TEXTS = ("text/", "message/")
MOST_TEXTS = 10


@dataclass(frozen=True, slots=True)
class TextPart:
    """A readable part. `note` says how it was made readable, "" if it is unchanged."""

    path: str
    type: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class OtherPart:
    path: str
    type: str
    size: str


@dataclass(frozen=True, slots=True)
class ShownMail:
    """A mail to show, all of it made harmless. `size` is the size of the whole mail, in words."""

    fields: tuple[tuple[str, str], ...]
    texts: tuple[TextPart, ...]
    others: tuple[OtherPart, ...]
    source: str
    size: str
    trouble: str | None = None


def shown_mail(raw: bytes) -> ShownMail:
    """Returns the mail to show. Total, whatever the bytes are."""
    message = parse(raw)
    fields = [
        (harmless(name, 100), harmless(value, LONGEST_FIELD))
        for name in message.headers.names() for value in message.headers.get_all(name)
    ]
    readable = [part for part in message.parts if part.content_type.startswith(_TEXTS)]
    others = [part for part in message.parts if part not in readable]
    return ShownMail(
        tuple(fields[:MOST_FIELDS]), tuple(map(_text, readable[:MOST_TEXTS])),
        tuple(
            OtherPart(harmless(part.path, 40), harmless(part.content_type, 100), size_in_bytes(part.end - part.start))
            for part in others
        ),
        harmless(message.content[: MOST_SHOWN * 2].decode("utf-8", "replace"), MOST_SHOWN), size_in_bytes(len(raw)),
        "This message is incomplete: it was truncated in transit or at a size limit." if message.is_cut else None,
    )


def _text(part: Part) -> TextPart:
    text, note = part.text, ""
    if part.content_type == "text/html" and has_markup(text):
        text, note = html_to_text(text), "text taken from HTML"
    return TextPart(
        harmless(part.path, 40), harmless(part.content_type, 100), harmless(text.strip("\n"), LONGEST_PART), note
    )


def as_file(raw: bytes, digest: str) -> Response:
    """Returns the unchanged bytes as a download, under a name of ours and a type that no browser opens."""
    return Response(raw, headers={
        "Content-Security-Policy": "sandbox", "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="mail-{digest[:16]}.eml.txt"',
    })


def size_in_bytes(count: int) -> str:
    return f"{count:,} bytes" if count < 2048 else f"{count // 1024:,} KB"
