"""Every report on every recipient: found by any of its fields, shown with how it was read, read again by new rules."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.db.query import FilterField, Query
from bounce_watcher.ledger.lists.browse import NO_TYPE
from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import COMPLAINT_REASON, BounceEvent, OutboxItem, StateChange
from bounce_watcher.model.verdict import Reason
from bounce_watcher.service.operations.reclassifying import ReclassifiedEvent, RereadMail
from bounce_watcher.web.pages.shared import listing, many
from bounce_watcher.web.pages.shared.forms import OfferedChange, Preview, make, show
from bounce_watcher.web.pages.shared.listing import Chip, Download, Filter, Filters, one_of
from bounce_watcher.web.request import Fields, PageRequest, get, post, see
from bounce_watcher.web.view.mail_shown import as_file, shown_mail
from bounce_watcher.words import explanations, formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import counted, harmless
from bounce_watcher.words.rows import event_row

MOST_WORDS = 10
_TERM = re.compile(r'(-?)(\w+):("[^"]*"|\S+)|"([^"]*)"|(\S+)')
_TYPES: Mapping[str, str] = {
    **{each.value: told for each, told in formatting.TYPES.items()}, NO_TYPE: "Not a bounce",
}

REASONS = (*(each.value for each in Reason), COMPLAINT_REASON)
_MATCHES: Mapping[str, str] = {each.value: told for each, told in explanations.MATCHED_BY.items()}

BY_REASON = Filter(FilterField.REASON, "Reason",
                   lambda value: formatting.reason(value) if value in REASONS else harmless(value, 60))
FILTERS = (
    one_of(FilterField.TYPE, "Type", _TYPES),
    BY_REASON,
    Filter(FilterField.PROVIDER, "Provider", formatting.provider),
    Filter(FilterField.STREAM, "Stream"),
    Filter(FilterField.CODE, "Code"),
    Filter(FilterField.DOMAIN, "Domain"),
    Filter(FilterField.CAMPAIGN, "Campaign"),
    Filter(FilterField.RULE, "Rule"),
    Filter(FilterField.MAILBOX, "Mailbox"),
    one_of(FilterField.MATCH, "Matched by", _MATCHES),
)
_NAMES = {each.by.value for each in FILTERS}
_MORE = (FilterField.DOMAIN, FilterField.CODE, FilterField.CAMPAIGN, FilterField.RULE, FilterField.MAILBOX,
         FilterField.MATCH)
"""The filters in the form's second row."""


def decision(event: BounceEvent) -> str:
    if event.type is None:
        return "Noted"
    return "Counts" if event.exclusion is None else "Does not count"


DOWNLOAD: Download[BounceEvent] = Download("events", {
    "When": lambda event: event.at, "Address": lambda event: event.recipient,
    "Type": lambda event: event.type.value if event.type else NO_TYPE, "Reason": explanations.what,
    "Code": lambda event: event.status or event.code, "Provider": explanations.provider_of,
    "Stream": lambda event: event.stream, "Said": lambda event: event.diagnostic or event.quote, "Decision": decision,
    "Id": lambda event: event.id,
}, lambda event: {**event_row(event), "type": event.type.value if event.type else NO_TYPE})


def _row(request: PageRequest, event: BounceEvent) -> dict[str, object]:
    return {
        "event": event, "rid": request.rid_of(event.recipient), "what": explanations.what(event),
        "colour": formatting.COLOURS[event.type] if event.type else "", "decision": decision(event),
        "provider": explanations.provider_of(event),
        "said": harmless(" ".join((event.diagnostic or event.quote or "").split()), 120),
    }


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────────────

def events(request: PageRequest) -> Response:
    if (narrower := _spelled_out(request)) is not None:
        return see(narrower)
    asked, wanted = _wanted(request)
    browsing = request.context.ledger.browsing
    if listing.wanted_format(request):
        return listing.download(request, asked, DOWNLOAD, browsing.all_events(wanted))
    page, found, values = listing.listed(
        request, asked, lambda: browsing.event_page(wanted, listing.place(request, (datetime, str))),
        lambda: browsing.event_facets(wanted),
    )
    return request.page(
        "events.html", "Events", **values, **listing.narrowing(request, asked, FILTERS, found, "event", "events"),
        rows=[_row(request, event) for event in page.rows], q=request.query.get("q", ""),
        rid=request.query.get("rid", ""), types=_TYPES.items(), matches=_MATCHES.items(),
        reasons=[(each.value, formatting.reason(each)) for each in Reason],
        more=any(by in asked.choices for by in _MORE),
        wider=_wider(request, asked) if found and not (found.total or page.rows) else None,
    )


def _wanted(request: PageRequest) -> tuple[Filters, Query]:
    asked = listing.filters(request, FILTERS, ("q", "rid"))
    q = request.query.get("q", "")
    words = tuple(word for found in _TERM.finditer(q) if (word := found[4] or found[5]))
    if len(words) > MOST_WORDS:
        asked = replace(asked, problem=f"Invalid filter: more than {MOST_WORDS} words.")
    recipient, rid = None, request.query.get("rid")
    if rid:
        recipient = request.context.ledger.names.address(rid)
        if recipient is None:
            asked = replace(asked, problem="Invalid filter: its address is not in this database.")
    chips = [*asked.chips]
    if recipient is not None and rid:
        chips.append(Chip(f"address: {harmless(recipient, 320)}", listing.without(request, "rid", rid)))
    if words:
        chips.append(Chip(f"words: {harmless(q, 120)}", listing.without(request, "q", q)))
    return replace(asked, chips=tuple(chips)), Query(asked.choices, asked.since, asked.until, recipient, words)


def _spelled_out(request: PageRequest) -> str | None:
    """Returns the address with `code:5.1.1 -type:block words` of the search field as filters; None if it holds none."""
    text = request.query.get("q", "")
    terms = [found for found in _TERM.finditer(text) if found[2] in _NAMES]
    if not terms or listing.wanted_format(request):
        return None
    rest = _TERM.sub(lambda found: "" if found[2] in _NAMES else found[0], text)
    kept = [item for item in request.query.multi_items() if item[0] not in {"q", "after"} and item[1]]
    spelled = [(f"{found[1]}{found[2]}", found[3].strip('"')) for found in terms]
    left = [("q", " ".join(rest.split()))] if rest.strip() else []
    return listing.address(request.url_path, [*kept, *spelled, *left])


def _wider(request: PageRequest, asked: Filters) -> tuple[Chip, str] | None:
    """Returns the last filter, and how many events there are without it, in words.

    None if there is no filter, or that finds nothing either.
    """
    if not asked.chips:
        return None
    last = asked.chips[-1]
    query = Fields(parse_qsl(last.without.partition("?")[2], keep_blank_values=True))
    found = request.context.ledger.browsing.event_facets(_wanted(replace(request, query=query))[1])
    if found is None:
        return last, "others"
    return (last, listing.counted(found, "event", "events").lower()) if found.total else None


# ── one event ───────────────────────────────────────────────────────────────────────────────────────────────────────

MOST_TOLD = 200
"""The most deliveries of a recipient that are searched."""


Step = tuple[str, str, str | None, str]
"""One step in the reading of a mail: title, text, address and text of a link to more of the same."""


def event(request: PageRequest) -> Response:
    found = event_of(request)
    ledger = request.context.ledger
    course = [] if found.type is None else ledger.history.course(found.recipient, found.stream)
    followed = [step for step in course if step.at == found.at]
    told = [item for item in islice(ledger.lists.outbox(OutboxFilter(recipient=found.recipient)), MOST_TOLD)
            if found.id in item.body]
    return request.page(
        "event.html", f"{explanations.what(found)} of {formatting.moment(found.at)}", event=found,
        what=explanations.what(found),
        sentence=explanations.of_event(found), tail=explanations.tail(found), words=explanations.quoted(found),
        not_counted=explanations.not_counted(found), rid=request.rid_of(found.recipient), type=found.type,
        colour=formatting.COLOURS[found.type] if found.type else "", provider=explanations.provider_of(found),
        steps=list(_steps(found, followed, told)), has_mail=ledger.lists.message(found.message_digest) is not None,
        forgotten=is_forgotten(found.recipient), path=path_of(found),
        done=next(iter(ledger.log.on(found.id, 1)), None) if request.query.get("done") else None,
    )


def path_of(found: BounceEvent) -> str:
    return f"/events/{found.id}"


def event_of(request: PageRequest) -> BounceEvent:
    """Returns the event in the path. Raises HTTPException 404 if there is none."""
    name = request.path["id"]
    found = request.context.ledger.browsing.event(name)
    if found is None:
        raise HTTPException(404, f"No event {harmless(name, 100)}. It may have been deleted.")
    return found


def _step(title: str, text: str, link: str | None = None, link_text: str = "") -> Step:
    return title, text, link, link_text


def _steps(found: BounceEvent, followed: list[StateChange], told: list[OutboxItem]) -> Iterator[Step]:
    yield from _told(found)
    yield from _followed(found, followed, told)


def _told(found: BounceEvent) -> Iterator[Step]:
    where = harmless(found.source or found.mailbox or "a file", 200)
    link = listing.address("/events", [("mailbox", found.mailbox)]) if found.mailbox else None
    yield _step("Found", f"One mail in {where}, received on {formatting.moment(found.at)}.", link, "Same mailbox")
    by = f", parsed as {harmless(found.recognizer, 80)}" if found.recognizer else ""
    yield _step("Kind", f"{explanations.KINDS[found.kind]}{by}.")
    if said := _said(found):
        yield _step("Said", said)
    if found.rule:
        yield _step("Rule", f"{harmless(found.rule, 120)}: {explanations.what(found).lower()}.",
                   listing.address("/events", [("rule", found.rule)]), "Same rule")
    if found.confidence:
        yield _step("Confidence", f"{found.confidence.capitalize()}: {explanations.CONFIDENCE[found.confidence]}.")
    if found.forwarded:
        target = found.final_recipient or "an address that was forgotten"
        yield _step("Forwarded", f"The mail went on to {harmless(target, 320)}, which failed.")
    if found.formerly:
        yield _step("Before", f"Older rules classified it differently: {harmless(words.formerly(found.formerly))}.")
    doubt = f" Doubtful: {harmless(words.doubt(found.doubt))}." if found.doubt else ""
    yield _step("Matched by", f"{explanations.MATCHED_BY[found.evidence].capitalize()}.{doubt}")


def _followed(found: BounceEvent, followed: list[StateChange], told: list[OutboxItem]) -> Iterator[Step]:
    if found.type is not None:
        yield _step("Counted", explanations.not_counted(found) or "It counts against the address.")
    for change in followed:
        yield _step("Decided", f"{formatting.STATES[change.state][0]} in {harmless(change.stream, 80)}: "
                              f"{harmless(words.text(change.grounds) or 'no stored reason')}")
    for item in told:
        outcome = formatting.DELIVERIES[item.state][0].lower()
        yield _step("Notified", f"{harmless(item.target, 80)}: {item.type.value}, {outcome}.", f"/outbox/{item.id}",
                   "View delivery")
    if found.type is not None and not told:
        yield _step("Notified", "No target was notified.")


def _said(found: BounceEvent) -> str:
    parts = (
        f"Status {harmless(found.status, 20)}" if found.status else "",
        f"reply code {found.code}" if found.code else "",
        f"by {harmless(found.remote_mta, 255)}" if found.remote_mta else "",
        f"reported by {harmless(found.reporting_mta, 255)}" if found.reporting_mta else "",
        f"taken from {found.client_ip} by your mail server" if found.client_ip else "",
    )
    told = ", ".join(filter(None, parts))
    return f"{told[0].upper()}{told[1:]}." if told else ""


def mail(request: PageRequest) -> Response:
    found, raw = _mail(request)
    return request.page(
        "mail.html", f"Mail of {formatting.moment(found.at)}", mail=shown_mail(raw), at=found.at, path=path_of(found),
        back="The event", file=f"{path_of(found)}/mail.eml",
    )


def mail_file(request: PageRequest) -> Response:
    found, raw = _mail(request)
    return as_file(raw, found.message_digest)


def _mail(request: PageRequest) -> tuple[BounceEvent, bytes]:
    found = event_of(request)
    raw = request.context.ledger.lists.message(found.message_digest)
    if raw is None:
        raise HTTPException(404, "The message is no longer stored. Its text is kept with the event.")
    return found, raw


# ── its mail, read again by the rules of today, as `reclassify` does ────────────────────────────────────────────────

def _read(request: PageRequest, event: BounceEvent) -> OfferedChange | None:
    """Rehearses reading the mail again. Returns None if its result is the same.

    Raises HTTPException if the mail is not stored or can't be analysed.
    """
    operation = RereadMail(*request.context.house, event)
    try:
        outline = operation.preview(request.actor(None))
    except PermanentFailure as error:
        raise HTTPException(422, f"{harmless(error, 300)}. Nothing was changed.") from None
    if outline.found is None:
        raise HTTPException(409, "The message is no longer stored, so it can't be reclassified.")
    found = outline.found
    if not found:
        return None
    stays = ["Evidence and recipient were determined on arrival and stay."]
    if any(each.before is None for each in found):
        stays.append("The effect on new recipients is shown only afterwards.")
    return OfferedChange(operation, Preview(
        f"Reclassify: {explanations.what(event)} of {formatting.moment(event.at)}",
        f"Correct {counted(len(found), 'verdict')}", path_of(event), tuple(map(_change, found)), outline.seen,
        many.would_hear(outline.notices), tuple(stays),
        "The old verdict stays with the report as text. Only other rules can reverse this.",
        because_required=True, count=len(found),
    ), f"{path_of(event)}?done=reread")


def again_preview(request: PageRequest) -> Response:
    event = event_of(request)
    if change := _read(request, event):
        return show(request, change.preview)
    return request.page("read_again.html", "Reclassify", back=path_of(event), what=explanations.what(event),
                      rule=event.rule or event.recognizer)


def again(request: PageRequest) -> Response:
    change = _read(request, event_of(request))
    if change is None:
        raise HTTPException(409, "Same result under current rules: nothing was changed.")
    return make(request, change)


def _change(found: ReclassifiedEvent) -> str:
    after = f"now “{explanations.what(found.after)}” by {harmless(found.after.rule or 'no rule', 120)}"
    whom = f"{harmless(found.after.recipient, 320)}" if found.after.recipient else "an unnamed recipient"
    if found.before is None:
        return f"{whom}: not seen before, {after}; handled as a new report"
    before, moved = f"was “{explanations.what(found.before)}” by {harmless(found.before.rule or 'no rule', 120)}", ""
    if found.was is not None and found.state is not None:
        was, now = formatting.STATES[found.was][0], formatting.STATES[found.state][0]
        moved = f"; {was}, then {now}" if was != now else f"; {was} as before"
    return f"{whom}: {before}, {after}{moved}"


ROUTES = (
    *listing.routes("/events", events), get("/events/{id:path}/again", again_preview),
    post("/events/{id:path}/again", again), get("/events/{id:path}/mail", mail),
    get("/events/{id:path}/mail.eml", mail_file), get("/events/{id:path}", event),
)
