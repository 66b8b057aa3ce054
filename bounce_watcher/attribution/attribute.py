"""Attributes a finding: whose failure it is, and how far that is proven, from what the report shows of our own sending.

The evidence (see `traces`), strongest first:

- a token of ours in a return path: it proves what was mailed, to whom, in which sending (TOKEN). Its recipient
  overrides the report's: if mail was forwarded, the report names only an address that we never mailed.
- a token of ours in a header field of the returned mail (SIGNATURE).
- a text in token format that we did not sign, that has expired, or that is for another recipient than the one that the
  report says was mailed: forged or mixed up. This raises a doubt, and proves no more than prose.
- a DKIM signature of ours over a field that names this very recipient (SIGNATURE).
- the mailbox's own server says that the report is not from its claimed sender (`authenticity`): this raises a doubt as
  a forged token does. The evidence above is stronger, because forwarded bounces fail such checks.
- a plain VERP address or a field of ours that names this recipient (VERP).
- nothing: the evidence of the finding itself.

A finding may name nobody, as most complaints do. Then the recipient is the one that the strongest evidence names, if it
names only one.

An opt-out is never attributed by its sender alone: people read forwarded mail, so it may come from another address than
the one that we mailed. A token or a plain VERP address names the recipient. A token that holds only a digest names the
sender if it was made for that address; otherwise we cannot tell whom it names.
"""

from dataclasses import replace
from datetime import datetime

from bounce_watcher.attribution.dkim import KeyOf
from bounce_watcher.attribution.return_path import Token
from bounce_watcher.attribution.settings import AttributionSettings, TokenKeys
from bounce_watcher.attribution.traces import Traces, traces
from bounce_watcher.model.address import MailAddress, address_key, is_same_mailbox
from bounce_watcher.model.fields import RecipientReport
from bounce_watcher.model.finding import (
    UNTOLD,
    Attribution,
    Authenticity,
    Doubt,
    DoubtKind,
    Evidence,
    Finding,
    Provenance,
)
from bounce_watcher.parsing.address_fields import without_xtext
from bounce_watcher.parsing.message import ParsedMessage


def no_key(name: str) -> str | None:
    """Looks up no key, for callers that use only the keys of the configuration."""
    return None


def attribute(
    message: ParsedMessage, finding: Finding, settings: AttributionSettings, *,
    mail_from: str | None = None, key_of: KeyOf = no_key, at: datetime | None = None, genuine: Authenticity = UNTOLD,
) -> Attribution:
    """Returns the attribution of one finding. Total: no header can make it raise.

    `mail_from` is the envelope sender that a feedback report names; `key_of` looks up DKIM keys of our domains; `at` is
    when the report was received (aware), None to ignore the age of tokens; `genuine` is what the mailbox's server found
    about the report.
    The `recipient` of the result is "" if nothing names one.
    """
    found = traces(message, mail_from, settings, key_of, at)
    by = _attributed(finding, found, settings, at, genuine)
    final = finding.report.final_recipient
    if not final or not by.recipient or is_same_mailbox(final, by.recipient):
        return by
    return replace(by, forwarded=True)


def _attributed(
    finding: Finding, found: Traces, settings: AttributionSettings, at: datetime | None, genuine: Authenticity
) -> Attribution:
    for token, grade in ((found.token, Evidence.TOKEN), (found.header_token, Evidence.SIGNATURE)):
        if token is not None:
            return _by_token(token, grade, found, finding, settings, at)
    by_address = _by_address(found, finding)
    if genuine.failure and not by_address.evidence.at_least(Evidence.SIGNATURE):
        return _doubted(finding, genuine.failure)
    return by_address


def attribute_opt_out(
    message: ParsedMessage, sender: MailAddress | None, settings: AttributionSettings, *,
    key_of: KeyOf = no_key, at: datetime | None = None, genuine: Authenticity = UNTOLD,
) -> Attribution:
    """Returns who was mailed; `recipient` is "" if nothing of ours names one. Total. Arguments as in `attribute`."""
    def named(address: MailAddress | None) -> Attribution:
        finding = Finding(RecipientReport(final_recipient=address), Provenance("opt-out", "", ""), Evidence.PROSE)
        return attribute(message, finding, settings, key_of=key_of, at=at, genuine=genuine)

    found = named(None)
    if found.recipient or sender is None:
        return found
    by_sender = named(sender)
    return by_sender if by_sender.evidence is Evidence.TOKEN else found


def _by_token(
    token: Token, grade: Evidence, found: Traces, finding: Finding, settings: AttributionSettings, at: datetime | None
) -> Attribution:
    if not token.is_ours:
        return _doubted(finding, Doubt(token.problem or DoubtKind.FORGED_TOKEN, grade))
    recipient = _mailed_recipient(token, finding, found.hints, settings.verifying)
    if recipient is None:
        return _doubted(finding, Doubt(DoubtKind.OTHER_RECIPIENT, grade))
    if at is not None and token.has_run_out(at, settings.token_max_age):
        return _doubted(finding, Doubt(DoubtKind.EXPIRED_TOKEN, grade, token.day))
    return Attribution(recipient, grade, token.stream or found.stream, token.sending or found.sending)


def _doubted(finding: Finding, doubt: Doubt) -> Attribution:
    return Attribution(finding.report.recipient or "", Evidence.PROSE, doubt=doubt)


def _mailed_recipient(token: Token, finding: Finding, hints: tuple[str, ...], keys: TokenKeys) -> str | None:
    """Returns the address that the token was made for, in the report's spelling if it has it; None on a contradiction.

    Original-Recipient says what was mailed (RFC 3464 section 2.3.1), so another address there contradicts the token.
    Final-Recipient may be the destination of a forwarder or an alias (section 2.3.2): it contradicts nothing.
    """
    report = finding.report
    named = [address for address in (report.original_recipient, report.final_recipient) if address]
    decoded = filter(None, map(without_xtext, named))
    same = next((each for each in (*named, *decoded) if token.names(each, keys)), None)
    if same is not None or report.original_recipient:
        return same
    return token.recipient or next((hint for hint in hints if token.names(hint, keys)), None)


def _by_address(found: Traces, finding: Finding) -> Attribution:
    recipient = finding.report.recipient
    for addresses, grade in ((found.signed, Evidence.SIGNATURE), (found.named, Evidence.VERP)):
        same = _same(recipient, addresses)
        if same is not None:
            strongest = grade if grade.at_least(finding.evidence) else finding.evidence
            return Attribution(same, strongest, found.stream, found.sending)
    return Attribution(recipient or "", finding.evidence, found.stream, found.sending)


def _same(recipient: str | None, addresses: frozenset[str]) -> str | None:
    """Returns `recipient` if it is in `addresses`; the only one of them if the report names nobody; else None."""
    if recipient is None:
        return next(iter(addresses)) if len(addresses) == 1 else None
    return recipient if address_key(recipient) in addresses else None
