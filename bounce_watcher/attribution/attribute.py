"""Whose failure a finding is, and how far it is proven, by the return path that the report came to.

A report is delivered to the envelope sender of the mail that failed. Our own server writes that address down on
delivery, and many a reporting server repeats it in To. What is found there, strongest first:

- a token of ours: it proves what was mailed, to whom, in which sending (TOKEN). Its recipient goes before the report's:
  where mail was forwarded, the report names only an address that we never mailed.
- something in the form of a token that we did not sign, or a token for another recipient than the one that the report
  says was mailed: forged or mixed up. There is doubt, and no more proof than prose.
- a plain VERP address that names the very recipient of the finding (VERP).
- nothing: what the finding itself rests on.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from bounce_watcher.attribution.return_path import Token, read_token
from bounce_watcher.attribution.rewriting import extension, unwrap, verp_recipient
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.address import address_key
from bounce_watcher.model.finding import Attribution, Evidence, Finding
from bounce_watcher.parsing.message import ParsedMessage

_ENVELOPE_HEADERS = ("X-Original-To", "Delivered-To", "Envelope-To", "To")
"""Postfix, Dovecot and Exim write the first three on delivery; the address before an alias stands in the first."""

MAX_FIELDS = 4
MAX_FIELD_LENGTH = 2000
MAX_ADDRESSES = 16
"""Fields of one name that are looked at, characters of each, addresses in it: a report has one recipient."""

_BETWEEN = r"\s<>\"(),;:\[\]"
_ADDRESS = re.compile(rf"(?<![^{_BETWEEN}])[^{_BETWEEN}]{{1,320}}@[a-z0-9.-]{{1,255}}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What the return path of a report tells, whichever of its recipients is asked for.

    `token` is ours or pretends to be; `named` are the keys of the addresses that plain VERP names.
    """

    token: Token | None
    named: frozenset[str]


def attribute(message: ParsedMessage, finding: Finding, settings: AttributionSettings) -> Attribution:
    """The attribution of one finding. Total: no header can make it raise.

    `recipient` is "" where neither the token nor the report names one.
    """
    if settings.return_path is None:
        return _as_reported(finding)
    envelope = _envelope(message, settings)
    if envelope.token is not None:
        return _by_token(envelope.token, finding, settings.token_keys)
    if address_key(finding.report.recipient or "") in envelope.named:
        return _as_reported(finding, _stronger(Evidence.VERP, finding.evidence))
    return _as_reported(finding)


@lru_cache(maxsize=1)  # a report may name a thousand recipients, and its header hold a thousand return paths
def _envelope(message: ParsedMessage, settings: AttributionSettings) -> _Envelope:
    extensions = list(_extensions(message, settings.return_path or ""))
    token = _first_token(extensions, settings.token_keys) if settings.token_keys else None
    named = frozenset(address_key(address) for each in extensions if (address := verp_recipient(each)))
    return _Envelope(token, named)


def _as_reported(finding: Finding, evidence: Evidence | None = None, doubt: str | None = None) -> Attribution:
    return Attribution(finding.report.recipient or "", evidence or finding.evidence, doubt=doubt)


def _extensions(message: ParsedMessage, return_path: str) -> Iterator[str]:
    """What the report's envelope recipients add to our return path, in the order of trust."""
    for name in _ENVELOPE_HEADERS:
        for value in message.headers.get_all(name)[:MAX_FIELDS]:
            for address in _ADDRESS.findall(value[:MAX_FIELD_LENGTH])[:MAX_ADDRESSES]:
                if added := extension(unwrap(address), return_path):
                    yield added


def _first_token(extensions: list[str], keys: tuple[bytes, ...]) -> Token | None:
    """The first token of ours; where there is none, the first that pretends to be."""
    tokens = [token for each in extensions if (token := read_token(each, keys))]
    return next((token for token in tokens if token.is_ours), tokens[0] if tokens else None)


def _by_token(token: Token, finding: Finding, keys: tuple[bytes, ...]) -> Attribution:
    if not token.is_ours:
        return _as_reported(finding, Evidence.PROSE, f"the report came to a token of ours in form, but {token.problem}")
    recipient = _mailed_recipient(token, finding, keys)
    if recipient is None:
        return _as_reported(finding, Evidence.PROSE, "the report came to a token that we signed for another recipient")
    return Attribution(recipient, Evidence.TOKEN, token.stream, token.sending)


def _mailed_recipient(token: Token, finding: Finding, keys: tuple[bytes, ...]) -> str | None:
    """The address that the token was made for, as the report writes it where it does; None on a contradiction.

    Original-Recipient says what was mailed (RFC 3464 section 2.3.1), so another one there contradicts the token.
    Final-Recipient may be where a forwarder or an alias led (section 2.3.2): it contradicts nothing.
    """
    report = finding.report
    named = [address for address in (report.original_recipient, report.final_recipient) if address]
    same = next((address for address in named if token.names(address, keys)), None)
    if same is not None or report.original_recipient:
        return same
    return token.recipient


def _stronger(one: Evidence, other: Evidence) -> Evidence:
    return one if one.at_least(other) else other
