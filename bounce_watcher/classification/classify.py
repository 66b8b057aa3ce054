"""Turns the fields of one recipient's report into a verdict. Words win over the enhanced status, that over the code.

A verdict without a rule has the name `status.5.1.1`, `code.450`, `expired` or `unknown`.
"""

from dataclasses import replace

from bounce_watcher.classification.rule import Circumstances, Precedence, Rule
from bounce_watcher.classification.ruleset import Match, Ruleset
from bounce_watcher.classification.status import reason_of_code, reason_of_status
from bounce_watcher.model.fields import Action, EnhancedStatus, RecipientReport
from bounce_watcher.model.verdict import BounceType, Confidence, Reason, SmtpReply, Verdict
from bounce_watcher.parsing.smtp_reply import one_line, read_reply

MAX_QUOTE = 300  # the longest quote of a verdict, in characters

# Before RCPT TO nothing can be wrong with the recipient: this table replaces a hard reason.
_BEFORE_THE_RECIPIENT = {
    "CONNECT": Reason.UNKNOWN, "EHLO": Reason.PROTOCOL_ERROR, "STARTTLS": Reason.TLS_FAILURE, "AUTH": Reason.SECURITY,
    "MAIL": Reason.SENDER_REJECTED,
}
_ABOUT_THE_SENDER = frozenset({(1, 7), (1, 8), (7, 27)})
_EXPIRED = (4, 7)
_AUTHENTICATION_CODES = frozenset({534, 535, 538})
_AFTER_THE_RECIPIENT = frozenset({"DATA", "DOT"})
_ALSO_AGREE = frozenset({(Reason.NETWORK_ERROR, Reason.INVALID_DOMAIN)})
"""Reasons of status and words: x.4.4, "unable to route", is what servers report for a domain that does not exist."""
_FILTERS_SAY_SO_TOO = "common.no-such-user"
_LOCAL_LANGUAGE = "languages."


def classify(report: RecipientReport, reporting_mta: str | None, ruleset: Ruleset) -> Verdict:
    """Returns what the failure or delay in `report` means. Total: without an explanation it is `Reason.UNKNOWN`."""
    diagnostic = report.diagnostic_code or ""
    reply = read_reply(diagnostic)
    told = Circumstances(
        status=_effective_status(report.status, reply.status),
        code=reply.code,
        remote=_host(report.remote_mta) or reply.host,
        reporter=_host(reporting_mta),
        stage=reply.stage or report.stage,
    )
    match = _words(reply, diagnostic, told, ruleset)
    verdict = _judged(reply, match, told, gave_up=report.action is Action.FAILED)
    return _ran_out(verdict, report)


def classify_reply(text: str, ruleset: Ruleset, remote: str | None = None) -> Verdict:
    """Returns what one SMTP reply or diagnostic means by itself. `remote` is the host that sent it."""
    reply = read_reply(text)
    told = Circumstances(reply.status, reply.code, _host(remote) or reply.host, None, reply.stage)
    return _judged(reply, _words(reply, text, told, ruleset), told, gave_up=False)


def _judged(reply: SmtpReply, match: Match | None, told: Circumstances, *, gave_up: bool) -> Verdict:
    if match is None:
        return _at_its_stage(_numbers(reply, told, gave_up=gave_up), None, _spoken_of(reply, told))
    rule = match.rule
    verdict = Verdict(
        rule.reason, rule.id, rule.source, match.quote[:MAX_QUOTE], told.code, told.status,
        confidence=_confidence(rule, told),
    )
    return _at_its_stage(verdict, rule, _spoken_of(reply, told))


def _confidence(rule: Rule, told: Circumstances) -> Confidence:
    """Weighs the words of a rule, and what the status and the command that was refused say beside them.

    Words in the language of the country are clear, as they come from the system that has the mailboxes.
    """
    exact = Reason.UNKNOWN if told.status is None else reason_of_status(told.status, told.code, told.stage)
    is_exact = exact is not Reason.UNKNOWN
    agrees = is_exact and (exact.bounce_type is rule.reason.bounce_type or (exact, rule.reason) in _ALSO_AGREE)
    is_known = _is_known(rule)
    is_clear = _is_clear(rule, told) or rule.id.startswith(_LOCAL_LANGUAGE)
    if not is_clear or (is_exact and not agrees):
        return Confidence.LIKELY if agrees or is_known else Confidence.GUESS
    return Confidence.SURE if agrees or is_known or told.stage is not None else Confidence.LIKELY


def _words(reply: SmtpReply, diagnostic: str, told: Circumstances, ruleset: Ruleset) -> Match | None:
    """Finds a rule for the last hop's words; if they and its own status say nothing, for the words around them."""
    inner = ruleset.find(reply.text, told)
    status = reply.status
    says_something = status and reason_of_status(status, reply.code, reply.stage) is not Reason.UNKNOWN
    if inner is not None or says_something:
        return inner
    whole = one_line(diagnostic)
    return ruleset.find(whole, told) if len(whole) > len(reply.text) else None


def _numbers(reply: SmtpReply, told: Circumstances, *, gave_up: bool) -> Verdict:
    quote = reply.text[:MAX_QUOTE]
    if told.status is not None and not told.status.is_generic:
        reason = reason_of_status(told.status, told.code, told.stage)
        if reason is not Reason.UNKNOWN:
            name, source = f"status.{told.status}", "RFC 3463, IANA registry"
            return Verdict(reason, name, source, quote, told.code, told.status, confidence=Confidence.LIKELY)
    if gave_up and told.status is not None and told.status.class_ == 4:
        # A report of failure with a temporary status: the retries ran out, and no words say why.
        return Verdict(Reason.MESSAGE_EXPIRED, "expired", "RFC 3464 section 2.3.3", quote, told.code, told.status)
    if told.code is not None and (reason := reason_of_code(told.code)) is not Reason.UNKNOWN:
        return Verdict(reason, f"code.{told.code}", "RFC 5321 section 4.2", quote, told.code, told.status)
    return Verdict(Reason.UNKNOWN, "unknown", "", quote, told.code, told.status)


def _spoken_of(reply: SmtpReply, told: Circumstances) -> str | None:
    """Returns the stage; the reply's own numbers may reveal it: a status about the sender, a code of RFC 4954."""
    status = reply.status
    if status is not None and (status.subject, status.detail) in _ABOUT_THE_SENDER:
        return "MAIL"
    return "AUTH" if told.code in _AUTHENTICATION_CODES else told.stage


def _at_its_stage(verdict: Verdict, rule: Rule | None, stage: str | None) -> Verdict:
    """Replaces a hard verdict from before the recipient was named, or from after it was accepted.

    A domain that takes no mail may say so in its greeting (RFC 7504). Some receivers are known to refuse an unknown
    recipient only after the data, so their own rules hold there; any other "user unknown" there comes from a filter.
    """
    if verdict.bounce_type is not BounceType.HARD or stage is None:
        return verdict
    if stage in _BEFORE_THE_RECIPIENT and not (stage == "CONNECT" and verdict.reason is Reason.DOMAIN_REFUSES_MAIL):
        return _restated(verdict, _BEFORE_THE_RECIPIENT[stage], stage)
    known = rule is not None and _is_known(rule)
    if stage in _AFTER_THE_RECIPIENT and verdict.reason is Reason.INVALID_RECIPIENT and not known:
        return _restated(verdict, Reason.RECIPIENT_FILTERED, stage)
    return verdict


def _restated(verdict: Verdict, reason: Reason, stage: str) -> Verdict:
    return replace(verdict, reason=reason, said=verdict.reason, stage=stage, confidence=Confidence.LIKELY)


def _is_known(rule: Rule) -> bool:
    return rule.precedence >= Precedence.RECEIVER


def _is_clear(rule: Rule, told: Circumstances) -> bool:
    """Checks whether the words of a rule leave no doubt by themselves.

    Filters that refuse a message after its data print "user unknown" too. A report that shows neither a status nor the
    refused command (home-made notices, gateways) must not end an address at once by that. Other words name what was
    looked up: a table, a directory, a mailbox.
    """
    if rule.id == _FILTERS_SAY_SO_TOO:
        return told.status is not None or told.stage is not None
    return rule.precedence > Precedence.HINT


def _ran_out(verdict: Verdict, report: RecipientReport) -> Verdict:
    """Turns a network error into an expired message if there was no answer until the retries ran out.

    A final report shows that by x.4.7, its words, or a time-out with class 4. Refused connections and names that do not
    resolve are a kind of answer: they stay network errors.
    """
    status = report.status or verdict.status
    if verdict.reason is not Reason.NETWORK_ERROR or report.action is not Action.FAILED or status is None:
        return verdict
    words = (report.diagnostic_code or "").lower()
    is_silence = "message expired" in words or (status.class_ == 4 and "timed out" in words)
    if is_silence or (status.subject, status.detail) == _EXPIRED:
        return replace(verdict, reason=Reason.MESSAGE_EXPIRED, said=verdict.reason)
    return verdict


def _effective_status(field: EnhancedStatus | None, said: EnhancedStatus | None) -> EnhancedStatus | None:
    """Returns the status of the last hop; the report's own field if it gave none, or only a generic one."""
    if said is None or (said.is_generic and field is not None):
        return field
    return said


def _host(name: str | None) -> str | None:
    return name.casefold().rstrip(".") if name else None
