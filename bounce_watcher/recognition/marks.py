"""Causes in a header field of a notice, if the text of the system says nothing or something else.

au (KDDI) writes "X-SPASIGN: NG" if the recipient's own filter has refused, with "User unknown" or no reason at all in
the text. The address exists.
"""

from dataclasses import replace

from bounce_watcher.model.finding import Finding, Kind
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.recognition.prose import MAX_WORDS
from bounce_watcher.recognition.recognizer import Recognition

_FIELD = "x-spasign"
_REFUSED = "NG"
_MARK = " (X-SPASIGN: NG)"


def with_mark(recognition: Recognition, message: ParsedMessage) -> Recognition:
    """Returns `recognition` with the mark added to the words on each recipient."""
    if recognition.kind is not Kind.BOUNCE or (message.headers.get(_FIELD) or "").strip() != _REFUSED:
        return recognition
    return replace(recognition, findings=tuple(map(_marked, recognition.findings)))


def _marked(found: Finding) -> Finding:
    words = ((found.report.diagnostic_code or "")[: MAX_WORDS - len(_MARK)] + _MARK).strip()
    return replace(found, report=replace(found.report, diagnostic_code=words))
