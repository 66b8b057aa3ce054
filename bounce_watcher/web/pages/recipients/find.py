"""The search field on top of every page: an address, a domain, a code, the id of an event, or words. It is posted, so
that no address appears in a link or a log.
"""

import re
from email.utils import parseaddr

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.web.pages.shared.listing import address
from bounce_watcher.web.request import PageRequest, ask, see

LONGEST = 320
"""The most characters of a search: those of an address (RFC 5321 section 4.5.3.1)."""

_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}|[245]\d\d")
_DOMAIN = re.compile(r"@?(?=.{1,253}\Z)([^\s@:/<>\"']+\.)+[^\s@:/<>\"'.\d]{2,}\.?")
_EVENT = re.compile(r"[0-9a-f]{32,128}(?:/[0-9a-f]{8,64})?")
_MAILBOX = re.compile(r"[^\s@]+@[^\s@]+")


def find(request: PageRequest) -> Response:
    text = " ".join(request.form.get("q", "").split())
    if not text:
        return see("/recipients")
    if len(text) > LONGEST:
        raise HTTPException(422, f"The search text is longer than {LONGEST} characters: shorten it.")
    return see(_where(request, text))


def _where(request: PageRequest, text: str) -> str:
    bare = parseaddr(text)[1] if "<" in text else text.removeprefix("mailto:")
    ledger = request.context.ledger
    if _MAILBOX.fullmatch(bare) and ":" not in bare:
        return f"/recipients/{ledger.names.name(bare)}"
    if _EVENT.fullmatch(text) and ledger.browsing.event(text):
        return f"/events/{text}"
    if _CODE.fullmatch(text):
        return address("/events", [("code", text)])
    if _DOMAIN.fullmatch(text):
        return address("/events", [("domain", text.strip("@.").lower())])
    return address("/events", [("q", text)])


ROUTES = (ask("/find", find),)
