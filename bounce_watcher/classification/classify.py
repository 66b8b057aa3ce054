"""From the fields of one recipient's report to a verdict. Words over enhanced status over reply code.

What is no verdict of a rule names itself `status.5.1.1`, `code.450`, `expired` or `unknown`.
"""

from dataclasses import replace

from bounce_watcher.classification.rule import Circumstances, Precedence
from bounce_watcher.classification.ruleset import Match, Ruleset
from bounce_watcher.classification.status import reason_of_code, reason_of_status
from bounce_watcher.model.fields import Action, EnhancedStatus, RecipientReport
from bounce_watcher.model.verdict import BounceType, Reason, SmtpReply, Verdict
from bounce_watcher.parsing.smtp_reply import one_line, read_reply

MAX_QUOTE = 300
"""Characters of a verdict's quote."""

# Before RCPT TO nothing can be wrong with the recipient. A domain that takes no mail says so in its greeting: RFC 7504.
_NOT_YET_THE_RECIPIENT = frozenset({"CONNECT", "EHLO", "STARTTLS", "AUTH"})


def classify(report: RecipientReport, reporting_mta: str | None, ruleset: Ruleset) -> Verdict:
    """What the failure or delay in `report` means. Total: what nothing explains is `Reason.UNKNOWN`."""
    diagnostic = report.diagnostic_code or ""
    reply = read_reply(diagnostic)
    told = Circumstances(
        status=_effective_status(report.status, reply.status),
        code=reply.code,
        remote=_host(report.remote_mta) or reply.host,
        reporter=_host(reporting_mta),
        stage=reply.stage or report.stage,
    )
    return _judged(reply, diagnostic, told, ruleset, gave_up=report.action is Action.FAILED)


def classify_reply(text: str, ruleset: Ruleset, remote: str | None = None) -> Verdict:
    """What one SMTP reply or diagnostic means, with nothing known besides. `remote`: the host that said so."""
    reply = read_reply(text)
    told = Circumstances(reply.status, reply.code, _host(remote) or reply.host, None, reply.stage)
    return _judged(reply, text, told, ruleset, gave_up=False)


def _judged(reply: SmtpReply, diagnostic: str, told: Circumstances, ruleset: Ruleset, *, gave_up: bool) -> Verdict:
    match = _words(reply, diagnostic, told, ruleset)
    if match is not None:
        rule = match.rule
        verdict = Verdict(rule.reason, rule.id, rule.source, match.quote[:MAX_QUOTE], told.code, told.status)
    else:
        verdict = _numbers(reply, told, gave_up=gave_up)
    return _spare_the_recipient(verdict, told.stage)


def _words(reply: SmtpReply, diagnostic: str, told: Circumstances, ruleset: Ruleset) -> Match | None:
    """The last hop's words; where they are weak or say nothing, those around them may be better."""
    inner = ruleset.find(reply.text, told)
    if inner is not None and inner.rule.precedence > Precedence.HINT:
        return inner
    whole = one_line(diagnostic)
    outer = ruleset.find(whole, told) if len(whole) > len(reply.text) + 20 else None
    if outer is not None and (inner is None or outer.rule.precedence > inner.rule.precedence):
        return outer
    return inner


def _numbers(reply: SmtpReply, told: Circumstances, *, gave_up: bool) -> Verdict:
    quote = reply.text[:MAX_QUOTE]
    if told.status is not None and not told.status.is_generic:
        reason = reason_of_status(told.status, told.code, told.stage)
        if reason is not Reason.UNKNOWN:
            return Verdict(reason, f"status.{told.status}", "RFC 3463, IANA registry", quote, told.code, told.status)
    if gave_up and told.status is not None and told.status.class_ == 4:
        # A report of failure with a passing status: the retries ran out, and no words say why.
        return Verdict(Reason.MESSAGE_EXPIRED, "expired", "RFC 3464 section 2.3.3", quote, told.code, told.status)
    if told.code is not None and (reason := reason_of_code(told.code)) is not Reason.UNKNOWN:
        return Verdict(reason, f"code.{told.code}", "RFC 5321 section 4.2", quote, told.code, told.status)
    return Verdict(Reason.UNKNOWN, "unknown", "", quote, told.code, told.status)


def _spare_the_recipient(verdict: Verdict, stage: str | None) -> Verdict:
    """No hard verdict on a recipient from what was said of the sender or of the connection."""
    if verdict.bounce_type is not BounceType.HARD:
        return verdict
    if stage == "MAIL":
        return replace(verdict, reason=Reason.SENDER_REJECTED)
    if stage in _NOT_YET_THE_RECIPIENT and verdict.reason is not Reason.DOMAIN_REFUSES_MAIL:
        return replace(verdict, reason=Reason.UNKNOWN)
    return verdict


def _effective_status(field: EnhancedStatus | None, said: EnhancedStatus | None) -> EnhancedStatus | None:
    """What the last hop said, where it said something; else the report's own field."""
    if said is None or (said.is_generic and field is not None):
        return field
    return said


def _host(name: str | None) -> str | None:
    return name.casefold().rstrip(".") if name else None
