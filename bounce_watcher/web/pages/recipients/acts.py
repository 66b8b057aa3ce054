"""What a person does about one address: release, suppress, forget. Each shows first what it would change."""

from datetime import UTC, datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.model.address import address_key
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import (
    COMPLAINT_REASON,
    NoticeType,
    State,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.watching import warn_of_files
from bounce_watcher.web import many
from bounce_watcher.web.jobs import Hand, Work
from bounce_watcher.web.pages.recipients.recipient import address_of
from bounce_watcher.web.request import Visit, get, post, see
from bounce_watcher.web.view import formatting
from bounce_watcher.web.view.formatting import harmless
from bounce_watcher.web.view.forms import because, demand_seen
from bounce_watcher.web.view.preview import Input, Preview, show
from bounce_watcher.words import grounds as words

_CAN_SUPPRESS_AGAIN = "It can be undone: suppress the address again."
_CAN_RELEASE = "It can be undone: release the address."


def _standing(visit: Visit) -> list[Suppression]:
    return list(visit.house.ledger.suppressions(SuppressionFilter(recipient=address_of(visit))))


def _seen(standing: list[Suppression]) -> tuple[object, ...]:
    return tuple((each.stream, each.state, each.since, each.until, each.grounds) for each in standing)


def _back(visit: Visit) -> str:
    return f"/recipients/{visit.path['rid']}"


def _done(visit: Visit, action: str) -> Response:
    return see(f"{_back(visit)}?done={action}")


def _would_hear(visit: Visit, kind: NoticeType, standing: list[Suppression]) -> tuple[str, ...]:
    """Whom the change would be told: asked of the one who tells, and thrown away."""
    listener = many.Listener(visit)
    listener.hear(kind, address_of(visit), standing)
    return listener.sentences()


# ── release ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def release_preview(visit: Visit) -> Response:
    standing = _demand_standing(visit)
    complaint = any(each.reason == COMPLAINT_REASON for each in standing)
    what = Preview(
        f"Release {harmless(address_of(visit), 320)}", f"Release in {_streams(len(standing))}", _back(visit),
        tuple(map(_told, standing)), _seen(standing), _would_hear(visit, NoticeType.RELEASED, standing),
        ("What was reported stays in the history. It counts no more.",), _CAN_SUPPRESS_AGAIN,
        because="What proves that the recipient wants this mail? (kept in the log)" if complaint
        else "Why? (kept in the log, and told)",
        because_required=True, cancel_first=complaint,
    )
    return show(visit, what)


def release(visit: Visit) -> Response:
    standing = _demand_standing(visit)
    why = because(visit, required=True)
    demand_seen(visit, _seen(standing), 1)
    visit.house.ledger.release(
        address_of(visit), None, visit.actor(why), announce=announcer(visit.house.settings)
    )
    return _done(visit, "release")


def _demand_standing(visit: Visit) -> list[Suppression]:
    standing = _standing(visit)
    if not standing:
        raise HTTPException(409, "Nothing stands against this address any more, so there is nothing to release.")
    return standing


def _streams(count: int) -> str:
    return f"{count} stream" if count == 1 else f"{count} streams"


def _told(each: Suppression) -> str:
    state = formatting.STATES[each.state][0]
    until = f"until {formatting.moment(each.until)}" if each.until else "for good"
    return (
        f"{harmless(each.stream, 80)}: {state} since {formatting.moment(each.since)}, {until}: "
        f"{harmless(words.because(each.grounds), 300)}"
    )


# ── suppress ────────────────────────────────────────────────────────────────────────────────────────────────────────

def suppress_preview(visit: Visit) -> Response:
    standing, streams = _standing(visit), _known_streams(visit)
    wanted = _wanted(visit, streams[0])
    stays = [f"{_told(each)}. What lasts as long already stays as it is." for each in standing]
    what = Preview(
        f"Suppress {harmless(address_of(visit), 320)}", "Suppress", _back(visit),
        ("The address is suppressed by hand in the stream that you choose.",), _seen(standing),
        _would_hear(visit, NoticeType.SUPPRESSED, [wanted]),
        tuple(stays) or ("Other streams may still be sent.",), _CAN_RELEASE,
        because="Why? (kept in the log, and told)", because_required=True,
        inputs=(
            Input("stream", "Stream", options=tuple((each, harmless(each, 80)) for each in streams)),
            Input("until", "Until (UTC)", "A day. Left empty, it holds for good.", type="date"),
        ),
    )
    return show(visit, what)


def suppress(visit: Visit) -> Response:
    stream = visit.form.get("stream", "")
    if stream not in _known_streams(visit):
        raise HTTPException(422, "Choose one of the streams: nothing was changed.")
    until = _day(visit)
    why = because(visit, required=True)
    demand_seen(visit, _seen(_standing(visit)), 1)
    visit.house.ledger.suppress(
        address_of(visit), stream, visit.actor(why), until=until, announce=announcer(visit.house.settings)
    )
    return _done(visit, "suppress")


def _wanted(visit: Visit, stream: str) -> Suppression:
    """As it would be told."""
    return Suppression(
        address_of(visit), stream, State.SUPPRESSED, None, visit.now, ByPerson(""), SuppressionSource.MANUAL
    )


def _known_streams(visit: Visit) -> list[str]:
    """Of the mailboxes, and those in which the address has a record."""
    records = visit.house.ledger.recipients(address_of(visit))
    of_mailboxes = (mailbox.stream for mailbox in visit.house.settings.mailboxes)
    found = sorted({*of_mailboxes, *(each.stream for each in records)})
    return found or ["default"]


def _day(visit: Visit) -> datetime | None:
    text = visit.form.get("until", "").strip()
    if not text:
        return None
    try:
        until = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise HTTPException(422, "Until is no day; write it as 2026-12-31. Nothing was changed.") from None
    if until <= visit.now or until > visit.now + timedelta(days=36500):
        raise HTTPException(422, "Until must lie ahead: nothing was changed.")
    return until


# ── forget ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def forget_preview(visit: Visit) -> Response:
    address = address_of(visit)
    erased = visit.house.ledger.forget_outline(address)
    changes = (
        (erased.events, "event", "loses its words", "lose their words"),
        (erased.messages, "mail", "is erased", "are erased"),
        (erased.records, "record", "is filed under a keyed hash", "are filed under a keyed hash"),
        (erased.webhooks, "delivery", "loses its content", "lose their content"),
        (erased.mails, "note of a sent mail", "is erased", "are erased"),
        (erased.protections, "protection", "ends", "end"),
        (erased.opt_outs, "opt-out", "is filed under a keyed hash", "are filed under a keyed hash"),
    )
    told = tuple(
        f"{formatting.number(number)} {name if number == 1 else _plural(name)} {one if number == 1 else many}"
        for number, name, one, many in changes if number
    )
    stays = [
        "Mail in mailbox folders, logs, backups of the database, and what platforms keep are out of reach.",
        "Who did what by hand stays in the log, under a name that nobody but this ledger can read.",
    ]
    if erased.suppressions:
        stays.insert(0, f"It stays suppressed in {_streams(erased.suppressions)}, under the hash.")
    if erased.due:
        stays.append(f"{_plural_of(erased.due, 'delivery')} still due: each keeps the address until it is taken or "
                     "given up, and loses it then by itself.")
    what = Preview(
        f"Forget {harmless(address, 320)}", "Forget the address", _back(visit),
        (*(told or ("Nothing is stored on it but what other mail may say.",)),
         "All kept mail and every text is looked through for the address, and the database file is cleaned, which may "
         "take some minutes: it goes on without this page."),
        ("forget", address_key(address)), stays=tuple(stays), undo="It cannot be undone.", is_danger=True,
        inputs=(Input("address", "Type the address to go on", type="email", required=True),),
        because_required=True,
    )
    return show(visit, what)


def forget(visit: Visit) -> Response:
    address = address_of(visit)
    if address_key(visit.form.get("address", "").strip()) != address_key(address):
        raise HTTPException(422, "That is not the address: nothing was changed.")
    why = because(visit, required=True)
    demand_seen(visit, ("forget", address_key(address)), 1)
    ledger, back = visit.house.ledger, _back(visit)

    def run(hand: Hand) -> None:
        def looked_through(more: int) -> None:
            hand.advance(more)
            hand.step()

        ledger.forget(address, visit.actor(why), advance=looked_through)
        warn_of_files(ledger.clean_files())

    work = Work("Forgetting an address", _looked_through, leads_to=f"{back}?done=forget", again=f"{back}/forget")
    return see(visit.house.works.start(visit.path["rid"], work, run))


def _looked_through(mails: int) -> str:
    return f"{formatting.counted(mails, 'kept mail')} looked through"


def _plural(name: str) -> str:
    irregular = {"delivery": "deliveries", "note of a sent mail": "notes of sent mail", "mail": "mails"}
    return irregular.get(name, f"{name}s")


def _plural_of(count: int, name: str) -> str:
    return f"{formatting.number(count)} {name if count == 1 else _plural(name)}"


ROUTES = tuple(
    route
    for name, preview, act in (
        ("release", release_preview, release), ("suppress", suppress_preview, suppress),
        ("forget", forget_preview, forget),
    )
    for route in (get(f"/recipients/{{rid}}/{name}", preview), post(f"/recipients/{{rid}}/{name}", act))
)
