"""Unrecognised messages, grouped by wording; and a rule for a group: drafted, tried on all stored mail, saved."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.config.rules import DRAFTED, may_save
from bounce_watcher.ledger.db.query import FilterField
from bounce_watcher.ledger.lists.figures import Of, Span
from bounce_watcher.ledger.review.groups import OPEN, GroupState, ReviewGroup
from bounce_watcher.ledger.review.review import DAYS, KEY_KINDS, UnreadMail
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import FAILED_RECIPIENTS, EventType, Misread
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.parsing.message import parse
from bounce_watcher.policy import language
from bounce_watcher.policy.masking import Mark, parts
from bounce_watcher.service.operations.drafting import RuleDraft, SaveRule, holds_no_reply, samples_of, suggested
from bounce_watcher.service.operations.reviewing import Reopen, SetAside
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.forms import FormField, OfferedChange, Preview, because, changing, demand_seen
from bounce_watcher.web.pages.shared.listing import Download, Filter, one_of
from bounce_watcher.web.request import PageRequest, ask, get, post, see
from bounce_watcher.web.view import charts
from bounce_watcher.web.view.mail_shown import as_file, shown_mail
from bounce_watcher.words import formatting
from bounce_watcher.words.formatting import harmless

NEWEST, OLDEST, PAGE = 4, 1, 25
"""The samples of a group from each end; the groups of a page."""
_FIELDS = ("id", "reason", "words", "code", "remote")
_A_DAY = (
    ("10", "until it comes more than 10 times on one day"), ("100", "until it comes more than 100 times on one day"),
    ("", "permanently"),
)

STATES: Mapping[GroupState, tuple[str, str]] = {
    GroupState.NEW: ("New", "is-warn"), GroupState.BACK: ("Recurring", "is-bad"),
    GroupState.DRAFTED: ("Rule drafted", "is-info"), GroupState.RULED: ("Rule active", "is-ok"),
    GroupState.ASIDE: ("Set aside", ""),
}
"""Word, and class of the badge."""

MARKS: Mapping[Mark, str] = {
    Mark.ADDRESS: "an address", Mark.HOST: "a host name", Mark.LINK: "a link", Mark.DATE: "a date or time",
    Mark.ID: "an id: letters and digits, or a very long word", Mark.NAME: "the recipient's mailbox or domain",
    Mark.NUMBER: "a number",
}

REASONS = tuple(
    (told, tuple((each.value, formatting.reason(each)) for each in Reason if each.bounce_type is kind))
    for kind, told in (
        (BounceType.HARD, "About the address: counts against it"),
        (BounceType.SOFT, "Temporary: counts, then expires"), (BounceType.BLOCK, "About the sender: never counts"),
    )
)

DONE = {
    "rule": Markup("The rule was saved. It applies to new mail after the next reload: "
                   "<code>systemctl reload bounce-watcher</code>, or SIGHUP. Then "
                   "<code>bounce-watcher reclassify --dry-run</code> shows what it changes in stored mail, and "
                   "<code>bounce-watcher reclassify</code> applies it."),
    "aside": "Set aside.", "up": "Reopened.",
}

KINDS: Mapping[Misread, tuple[str, str]] = {
    Misread.FAILURE: ("Failure", "A recipient failed; the reason is unclear."),
    Misread.WEAK: ("Weak words", "A recipient was called dead on weak words: one report alone suppresses nobody."),
    Misread.NOTICE: ("Notice without recipient", "It looks automatic, but names no recipient."),
    Misread.ADDRESS: ("Unreadable address", "It names a recipient by an invalid address."),
    Misread.LETTER: ("Other mail", "It doesn't look like a report: replies, advertisements."),
    Misread.OPT_OUT: ("Opt-outs", "People asked for no more mail. This suppresses nobody."),
}
"""Kinds of unrecognised messages, with a title and an explanation."""

_KIND_WORDS = {kind.value: told for kind, (told, _) in KINDS.items()}
_STATE_WORDS = {state.value: told for state, (told, _) in STATES.items()}
FILTERS = (
    one_of(FilterField.KIND, "Kind", _KIND_WORDS),
    one_of(FilterField.STATE, "State", _STATE_WORDS),
    Filter(FilterField.LANGUAGE, "Language", lambda value: harmless(language.told(value))),
    Filter(FilterField.PROVIDER, "Provider", formatting.provider),
)

DOWNLOAD: Download[ReviewGroup] = Download("review", {
    "Wording": lambda group: group.wording, "Kind": lambda group: KINDS[group.kind][0],
    "Language": lambda group: group.language, "Mails": lambda group: group.mails,
    "Recipients": lambda group: group.recipients, "Providers": lambda group: ", ".join(group.providers),
    "Codes": lambda group: ", ".join(group.codes), "First": lambda group: group.first_at,
    "Last": lambda group: group.last_at, "State": lambda group: STATES[group.state][0], "Id": lambda group: group.gid,
}, lambda group: {
    "id": group.gid, "type": "review_group", "kind": group.kind, "wording": group.wording, "language": group.language,
    "state": group.state, "mails": group.mails, "recipients": group.recipients, "providers": group.providers,
    "codes": group.codes, "first_at": group.first_at, "last_at": group.last_at, "because": group.because,
})


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────────────

def groups(request: PageRequest) -> Response:
    asked = listing.filters(request, FILTERS)
    ledger = request.context.ledger
    if listing.wanted_format(request):
        return listing.download(request, asked, DOWNLOAD, ledger.review.groups(asked.query))
    page, found, values = listing.listed(
        request, asked, lambda: ledger.review.page(asked.query, listing.place(request, KEY_KINDS, PAGE), request.now),
        lambda: ledger.review.facets(asked.query),
    )
    week = Span(request.now - timedelta(days=7), request.now + timedelta(hours=1))
    return request.page(
        "review.html", "Review", **values, **listing.narrowing(request, asked, FILTERS, found, "wording", "wordings"),
        rows=list(map(_row, page.rows)), states=_STATE_WORDS.items(), kinds=_KIND_WORDS.items(), days=DAYS,
        week=ledger.figures.totals(week, Of(type=EventType.UNDETERMINED.value)).total(),
    )


def _row(group: ReviewGroup) -> dict[str, object]:
    return {
        "group": group, "title": title_of(group), "state": STATES[group.state], "kind": KINDS[group.kind],
        "providers": [(value, formatting.provider(value)) for value in list(group.providers)[:2]],
        "more_providers": max(0, len(group.providers) - 2), "codes": harmless(", ".join(list(group.codes)[:3]), 60),
        "trend": None if group.days is None else charts.sparkline(group.days), "recent": sum(group.days or ()),
    }


def title_of(group: ReviewGroup) -> str:
    nothing = "No text: the report is empty" if group.kind in FAILED_RECIPIENTS else "No text: the message is empty"
    return harmless(group.wording, 300) or (nothing if group.mails else "Its message is no longer stored")


# ── one group ───────────────────────────────────────────────────────────────────────────────────────────────────────

def group(request: PageRequest) -> Response:
    found = _group(request)
    samples = samples_of(request.context.ledger, found.gid)
    draft = suggested(found, samples) if found.kind in FAILED_RECIPIENTS else None
    return request.page(
        "review_group.html", f"Review: {title_of(found)[:60]}", **_of_group(request, found), draft=draft,
        has_words=not holds_no_reply(samples),
    )


def _group(request: PageRequest) -> ReviewGroup:
    found = request.context.ledger.review.group(request.path["gid"], request.now)
    if found is None or found.kind is Misread.OPT_OUT:  # a person decides on each of these: see `opt_outs`
        raise HTTPException(404, "No such group. Its mail may have been recognised or deleted since.")
    return found


def _of_group(request: PageRequest, found: ReviewGroup) -> dict[str, Any]:
    ledger = request.context.ledger
    newest = ledger.review.events(found.gid, NEWEST)
    oldest = [each for each in ledger.review.events(found.gid, OLDEST, newest_first=False) if each not in newest]
    mails = ledger.review.mails(found.gid, NEWEST)
    mails += [each for each in ledger.review.mails(found.gid, OLDEST, newest_first=False) if each not in mails]
    pieces = [(harmless(piece), mark) for piece, mark in parts(found.wording)]
    marks = {mark for _, mark in pieces if mark is not None}
    return {
        "group": found, "heading": title_of(found), "pieces": pieces, "state": STATES[found.state],
        "marks": [(mark.value, told) for mark, told in MARKS.items() if mark in marks], "reasons": REASONS,
        "samples": [
            {"event": each, "rid": request.rid_of(each.recipient),
             "has_mail": ledger.lists.message(each.message_digest) is not None}
            for each in (*newest, *oldest)
        ],
        "letters": [_letter(request, each) for each in mails], "kind": found.kind, "kinds": Misread, "days": DAYS,
        "row": _row(found), "is_open": found.state in OPEN, "path": _path(found),
        "language": language.told(found.language), "done": DONE.get(request.query.get("done", "")),
    }


def _letter(request: PageRequest, each: UnreadMail) -> dict[str, object]:
    """Returns one message of a group without a recipient, cut for a list."""
    message = parse(request.context.ledger.lists.message(each.digest) or b"")
    subject, sender = (harmless(message.headers.get(name) or "", 200) for name in ("subject", "from"))
    return {"mail": each, "subject": subject or "(no subject)", "sender": sender or "nobody",
            "text": harmless(" ".join(message.text[:2000].split()))}


def mail(request: PageRequest) -> Response:
    found, each, raw = _mail(request)
    return request.page(
        "mail.html", f"Mail of {formatting.moment(each.received_at)}", mail=shown_mail(raw), at=each.received_at,
        path=_path(found), back="The wording", file=f"{_path(found)}/mail/{each.digest}.eml",
    )


def mail_file(request: PageRequest) -> Response:
    _, each, raw = _mail(request)
    return as_file(raw, each.digest)


def _mail(request: PageRequest) -> tuple[ReviewGroup, UnreadMail, bytes]:
    found = _group(request)
    each = request.context.ledger.review.mail(found.gid, request.path["digest"])
    raw = request.context.ledger.lists.message(each.digest) if each else None
    if each is None or raw is None:
        raise HTTPException(404, "No such message in this group: it was recognised or deleted since.")
    return found, each, raw


def _path(found: ReviewGroup) -> str:
    return f"/review/{found.gid}"


# ── a rule for it ───────────────────────────────────────────────────────────────────────────────────────────────────

def trial(request: PageRequest) -> Response:
    """Shows what a drafted rule would do. It changes nothing, so readers may try it, too."""
    found, draft = _failures(request), _draft(request)
    outcome = SaveRule(*request.context.house, found, draft).preview(request.actor(None))
    return request.page(
        "review_rule.html", "Draft rule test", **_of_group(request, found), draft=draft, trial=outcome,
        fields=[(name, getattr(draft, name)) for name in _FIELDS], seen=outcome.seen,
        may_save=may_save(request.context.settings.rules_dir),
        has_folder=request.context.settings.rules_dir is not None,
        file=DRAFTED, taken=[
            (_pair(rule, reason), harmless(rule, 120), formatting.reason(reason), number)
            for (rule, reason), number in sorted(outcome.taken.items(), key=lambda item: -item[1])
        ],
    )


def _failures(request: PageRequest) -> ReviewGroup:
    found = _group(request)
    if found.kind not in FAILED_RECIPIENTS:
        raise HTTPException(409, "No rule can match this message: rules classify a recipient's failure.")
    return found


def _draft(request: PageRequest) -> RuleDraft:
    values = {name: request.form.get(name, "").strip() for name in _FIELDS}
    if values["reason"] not in {value for _, some in REASONS for value, _ in some}:
        raise HTTPException(422, "Choose one of the reasons: nothing was changed.")
    if not all(value.isprintable() for value in values.values()):
        raise HTTPException(422, "A field contains an invisible character: nothing was changed.")
    return RuleDraft(**values)


def _pair(rule: str, reason: Reason) -> str:
    return f"{rule} {reason.value}"


def save(request: PageRequest) -> Response:
    """Saves a rule, if a trial run now allows it and the person has seen that trial."""
    found, draft, rules_dir = _failures(request), _draft(request), request.context.settings.rules_dir
    by = request.actor(because(request, required=True))
    if rules_dir is None or not may_save(rules_dir):
        raise HTTPException(409, "No writable rules_dir: copy the rule instead.")
    operation = SaveRule(*request.context.house, found, draft)
    outcome = operation.preview(by)
    if outcome.problems:
        raise HTTPException(422, f"This rule is not valid: {harmless(outcome.problems[0], 300)}")
    demand_seen(request, outcome.seen)
    accepted = request.form.getlist("accept")
    if missing := [rule for rule, reason in outcome.taken if _pair(rule, reason) not in accepted]:
        told = f"It would take reports from {harmless(missing[0], 120)}: accept that or narrow the rule."
        raise HTTPException(422, told)
    try:
        operation.carry_out(by)
    except ConfigError as error:
        raise HTTPException(409, f"The rules in rules_dir are invalid: {harmless(error, 500)}") from None
    except OSError as error:
        raise HTTPException(409, f"Can't write the rule: {harmless(error.strerror, 200)}") from None
    return see(f"{_path(found)}?done=rule")


def aside(request: PageRequest) -> OfferedChange:
    found, told = _group(request), request.form.get("a_day", "")
    if told not in {value for value, _ in _A_DAY}:
        raise HTTPException(422, "Choose a duration: nothing was changed.")
    operation = SetAside(*request.context.house, found, int(told) if told else None)
    return OfferedChange(operation, Preview(
        "Set aside this wording", "Set aside", _path(found),
        (f"{title_of(found)}: {formatting.counted(found.mails, 'mail')}, and later ones, are ignored.",),
        operation.preview(request.actor(None)).seen, stays=("Mail of this group still affects no address.",),
        undo="To reverse it, reopen it.", because_required=True,
        inputs=(FormField("a_day", "How long", options=_A_DAY, value="10"),),
    ), f"{_path(found)}?done=aside")


def up(request: PageRequest) -> OfferedChange:
    found = _group(request)
    operation = Reopen(*request.context.house, found)
    return OfferedChange(operation, Preview(
        "Reopen wording", "Reopen wording", _path(found), (f"{title_of(found)}: it is back in review.",),
        operation.preview(request.actor(None)).seen, undo="To reverse it, set it aside.",
    ), f"{_path(found)}?done=up")


ROUTES = (
    *listing.routes("/review", groups), get("/review/{gid}", group),
    get("/review/{gid}/mail/{digest}.eml", mail_file), get("/review/{gid}/mail/{digest}", mail),
    ask("/review/{gid}/rule", trial), post("/review/{gid}/save", save),
    *changing("/review/{gid}/aside", aside), *changing("/review/{gid}/up", up),
)
