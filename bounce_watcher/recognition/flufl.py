"""The last resort: flufl.bounce, which knows the prose of some thirty further systems.

It returns only addresses, raises IndexError on a message without From (6.0.0), passes on whatever one of its detectors
raises, and takes any text that quotes a bounce for a bounce. So it is called only if a mail system wrote the message,
it gets only the first KiBs, and its errors count as no result.
"""

import logging
import re
from email import message_from_bytes

from flufl.bounce import all_failures

from bounce_watcher.model.address import ProseAddress, address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.parsing.address import find_addresses, first_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers, original_part
from bounce_watcher.recognition.prose import MAX_TEXT, finding, notice_of, without_bystanders, words_beside
from bounce_watcher.recognition.recognizer import Recognition, recognised

NAME = "flufl"

MAX_BYTES = 32 * 1024
"""How many bytes of a message it gets: its patterns take time that grows faster than their line."""

MAX_ADDRESSES = 1_000  # how many addresses of a message are compared with those that it finds
MAX_LINES = 500  # how many lines of a message it gets: each costs some seventy searches, even an empty one
_LONG_LINE = re.compile(rb"([^\r\n]{300})[^\r\n]+")  # no line with an address is that long; the rest is cut off
_FAILED_FIELD = re.compile(rb"^x-failed-recipients:[^\n]*(?:\n[ \t][^\n]*)*\n?", re.IGNORECASE | re.MULTILINE)
"""Exim's recognizer has read this field, or ignored it for a reason: ZoneMTA names all recipients in it."""

_BODY_FIELD = re.compile(rb"^content-[^\n]*(?:\n[ \t][^\n]*)*\n?", re.IGNORECASE | re.MULTILINE)

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it writes a traceback for what is shielded here


def recognise(message: ParsedMessage) -> Recognition | None:
    """Takes the addresses that flufl finds in a failure notice, without those that merely take part in the exchange."""
    temporary, permanent = _all_failures(message)
    if not temporary and not permanent:
        return None
    original, notice = original_headers(message), notice_of(message)
    findings = (
        finding(NAME, address, words_beside(notice, address), action)
        for raw, action in ((permanent, Action.FAILED), (temporary, Action.DELAYED))
        for address in without_bystanders(raw, message, original)
    )
    return recognised(findings, original)


def _all_failures(message: ParsedMessage) -> tuple[list[ProseAddress], list[ProseAddress]]:
    content = _FAILED_FIELD.sub(b"", _without_original(message)[:MAX_BYTES])
    content = _LONG_LINE.sub(rb"\1", content[: content.rfind(b"\n") + 1])  # half a line may hold half an address
    content = _FAILED_FIELD.sub(b"", b"".join(content.splitlines(keepends=True)[:MAX_LINES]))
    if "from" not in message.headers:
        content = b"From: nobody@invalid\n" + content
    try:
        temporary, permanent = all_failures(message_from_bytes(content))
    except Exception:  # whatever a detector raises on odd mail, and RecursionError of the parser
        return [], []
    shown = f"{content.decode('utf-8', 'replace')}\n{message.text[:MAX_TEXT]}"
    return _addresses(temporary, shown), _addresses(permanent, shown)


def _without_original(message: ParsedMessage) -> bytes:
    """Returns the message above the original, whose addresses and words do not belong to the report."""
    part = original_part(message)
    if part is not None:
        return part.source[: part.start]
    if len(message.parts) != 1:
        return message.content
    header = _BODY_FIELD.sub(b"", message.headers.raw)
    return header.rstrip(b"\n") + b"\n\n" + notice_of(message).encode("utf-8", "replace")


def _addresses(found: frozenset[bytes], shown: str) -> list[ProseAddress]:
    """Returns the addresses found, without those that are only part of an address in the text `shown`.

    flufl takes the end of an odd address for a whole one. An address that it builds from a name and a domain, as for
    AOL, is nowhere in the text.
    """
    whole, low = {address_key(each) for each in find_addresses(shown, MAX_ADDRESSES)}, shown.lower()
    decoded = filter(None, (first_address(raw.decode("utf-8", "replace")) for raw in found))
    return sorted(each for each in decoded if address_key(each) in whole or each.lower() not in low)
