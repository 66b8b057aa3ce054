"""Checks whether a report is from its claimed sender, by what the mailbox's own server found (RFC 8601).

A server adds its results on top of the header. Anybody can write such a field. So only fields of the servers named in
the configuration count, and none below a field of another server (sections 2.5, 5 and 7.1). If several fields report on
one method, the topmost counts: the ones below may have come with the mail, if the server does not remove forged ones.

A report is doubted when

- DMARC fails: the owner of the From domain says that such mail is not theirs (RFC 7489 section 6.6.2),
- or there is no DMARC failure, SPF fails outright, and none of SPF, DKIM and DMARC passes.

Nothing else raises a doubt: a report has no return path, its server often has no SPF, and a signature that broke on the
way is as good as none (RFC 6376 section 6.1). A pass shows who reports. That does not show whose mail it was, so a pass
proves nothing.
"""

import re
from collections.abc import Iterable

from bounce_watcher.model.address import address_key
from bounce_watcher.model.finding import UNTOLD, Authenticity, Doubt, DoubtKind, Pass
from bounce_watcher.parsing.authentication_results import MethodResult, parse_authentication_results
from bounce_watcher.parsing.headers import Headers

FIELD = "Authentication-Results"

MAX_FIELDS = 10  # how many fields are read: a server adds one, or one for each of its filters
_FAILS = frozenset({"fail", "hardfail"})  # the latter is RFC 5451's word for SPF
_DOMAIN = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){0,20}")
_PROPERTIES = {
    "dkim": ("header.d", "header.i"), "spf": ("smtp.mailfrom", "smtp.helo"), "dmarc": ("header.from",),
}


def authenticity(headers: Headers, authserv_ids: frozenset[str]) -> Authenticity:
    """Returns what the servers of these names, as `server_key` writes them, found about the mail. Total."""
    if not authserv_ids or FIELD not in headers:
        return UNTOLD
    found = _told(headers, authserv_ids)
    passes = (Pass(method, _domain(each)) for method in _PROPERTIES for each in _with(found, method, {"pass"}))
    return Authenticity(tuple(dict.fromkeys(passes)), _failure(found))


def server_key(authserv_id: str) -> str:
    """Returns the form in which server names are compared: like domains, ignoring case, A-label or U-label."""
    return address_key(f"@{authserv_id}")[1:]


def _told(headers: Headers, authserv_ids: frozenset[str]) -> tuple[MethodResult, ...]:
    """Returns the results that count: for each method those of one field."""
    told: tuple[MethodResult, ...] = ()
    for value in headers.get_all_as_written(FIELD)[:MAX_FIELDS]:
        field = parse_authentication_results(value)
        if field is None or server_key(field.authserv_id) not in authserv_ids:
            break
        known = {each.method for each in told}
        told += tuple(each for each in field.results if each.method not in known)
    return told


def _failure(found: tuple[MethodResult, ...]) -> Doubt | None:
    for fail in _with(found, "dmarc", _FAILS):
        return Doubt(DoubtKind.DMARC, domain=_domain(fail), result=fail.result)
    if any(each.result == "pass" for each in found if each.method in _PROPERTIES):
        return None
    for fail in _with(found, "spf", _FAILS):
        return Doubt(DoubtKind.SPF, domain=_domain(fail), result=fail.result)
    return None


def _with(found: tuple[MethodResult, ...], method: str, results: Iterable[str]) -> Iterable[MethodResult]:
    return (each for each in found if each.method == method and each.result in results)


def _domain(each: MethodResult) -> str:
    """Returns the domain that a result is about, without the address, as it gets into logs; "" if it names none."""
    named = (each.get(name).rpartition("@")[2].lower() for name in _PROPERTIES[each.method])
    return next((domain for domain in named if _DOMAIN.fullmatch(domain)), "")
