"""One address in the browser: what is told of it, and what may be done about it, as at the shell."""

import csv
import io
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bounce_watcher.ledger.privacy.erasure import Erased
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.model.ledger import Actor, NoticeType, State, SuppressionSource
from bounce_watcher.model.message import pack
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.settings import Mode, PolicySettings
from bounce_watcher.service.announcing import announcer
from bounce_watcher.web import jobs
from bounce_watcher.words.grounds import text
from tests.ledger.making import bounce, day, decide, mail, page
from tests.outbox.samples import target
from tests.web.conftest import TOKEN, Web, await_works, on_page
from tests.web.looked_at import demand_harmless
from tests.web.looking import csrf_of, form_of, links, words
from tests.web.test_events import link
from tests.web.test_frame import READER, signed_in, with_reader

Make = Callable[..., Web]
ANNA, BEN = "anna@gmx.net", "ben@gmx.net"
HOOK = target("crm-hook")


def hear(client: Web, **policy: Any) -> None:
    client.settings = replace(client.settings, webhooks=(HOOK,), policy=PolicySettings(**policy))


@pytest.fixture
def desk(web: Make) -> Web:
    """A ledger on which anna and ben are suppressed, with a webhook that hears of all."""
    client = web()
    hear(client)
    both = page(bounce("a" * 32, ANNA, at=day(1)), bounce("b" * 32, BEN, at=day(2)))
    client.ledger.recording.record(both, decide, announcer(client.settings))
    return client


def path_to(client: Web, address: str = ANNA) -> str:
    return f"/recipients/{client.ledger.names.name(address)}"


def standing(ledger: Ledger, address: str = ANNA) -> list[tuple[str, State, str]]:
    standing = (each for each in ledger.lists.suppressions() if each.recipient == address)
    return [(each.stream, each.state, text(each.grounds)) for each in standing]


def told(ledger: Ledger) -> list[tuple[str, str | None, object]]:
    items = [item for item in ledger.lists.outbox() if item.type.value.startswith("recipient.")]
    return [(item.type.value, item.recipient, json.loads(item.body)["data"]["because"]) for item in items]


def state_of(ledger: Ledger) -> object:
    """All that an action could change."""
    return (
        list(ledger.lists.suppressions()), list(ledger.lists.events()),
        [replace(item) for item in ledger.lists.outbox()],
        list(ledger.log.newest()), ledger.lists.recipients(ANNA),
    )


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_the_page_tells_why_by_what_words_and_whom_it_told(desk: Web) -> None:
    text = desk.get(path_to(desk)).text
    for part in (
        "Suppressed on 2 March 2026 at 12:00 because the mailbox does not exist. GMX / WEB.DE reported this on 2 "
        "March 2026.",
        "550 5.1.1 no such user", "default only", "permanent", "address found in the report",
        "crm-hook: suppressed, waiting", "Reply to the customer", "not reported",
        "<strong>Mailbox does not exist</strong>", "<strong>Notified, waiting</strong>", "Release…", "Suppress…",
        "Forget…",
    ):
        assert part in text, part
    demand_harmless(text)
    assert "<title>Suppressed: anna@… – Bounce Watcher</title>" in text
    csv_of_events = desk.get(link(text, "CSV"))
    assert [row["Address"] for row in csv.DictReader(io.StringIO(csv_of_events.text, newline=""))] == [ANNA]


def test_an_address_that_was_never_seen(desk: Web) -> None:
    text = desk.get(path_to(desk, "nobody@example.org")).text
    assert "No bounce seen for this address. Mail may still not arrive." in text
    assert "Suppress…" in text
    assert "Release…" not in text
    assert desk.get("/recipients/damaged").status_code == 404


def test_one_who_only_refused_the_sender_is_active(desk: Web) -> None:
    blocked = bounce("c" * 32, "carl@outlook.com", at=day(3), reason=Reason.BAD_REPUTATION)
    desk.ledger.recording.record(page(blocked), decide, announcer(desk.settings))
    text = desk.get(path_to(desk, "carl@outlook.com")).text
    assert "Still active. Microsoft refused our server (reputation), not this address." in text
    assert "Release…" not in text


def test_a_protected_address_says_who_protects_it(desk: Web) -> None:
    hear(desk, protected_addresses=frozenset({ANNA.upper()}), protected_domains=frozenset({"example.org"}))
    assert "It is protected by the configuration" in desk.get(path_to(desk)).text
    assert "example.org, its domain, is protected" in desk.get(path_to(desk, "x@example.org")).text
    assert "Protected" not in desk.get(path_to(desk, BEN)).text


def test_whether_it_is_only_this_address(desk: Web) -> None:
    now = datetime.now(UTC)
    for n in range(40):
        event = bounce(f"{n:032x}", f"u{n}@gmx.net", at=now - timedelta(hours=n % 20))
        desk.ledger.recording.record(page(event), decide, announcer(desk.settings))
    text = desk.get(path_to(desk, "u1@gmx.net")).text
    assert ">40 reports</a> of “mailbox does not exist” in the last 7 days; 0 in the 7 days before (new)" in text
    assert "Unusual" in text


def test_the_list_finds_by_state_and_downloads_the_same(desk: Web) -> None:
    desk.ledger.suppressions.release(BEN, None, Actor("jo", day(5), "back"), announce=announcer(desk.settings))
    text = desk.get("/recipients").text
    assert "<h1 tabindex=\"-1\">2 recipients</h1>" in text
    assert text.index(BEN) < text.index(ANNA), "latest change first"
    demand_harmless(text)
    text = desk.get("/recipients?state=released").text
    assert BEN in text
    assert ANNA not in text
    rows = list(csv.DictReader(io.StringIO(desk.get("/recipients.csv?-state=released").text, newline="")))
    assert [(row["Address"], row["State"], row["Until"]) for row in rows] == [(ANNA, "Suppressed", "for good")]
    (line,) = desk.get("/recipients.jsonl?state=released").text.splitlines()
    assert (json.loads(line)["recipient"], json.loads(line)["state"]) == (BEN, "released")
    assert "No recipients match." in desk.get("/recipients?state=watching").text
    assert "unknown state hot" in desk.get("/recipients?state=hot").text
    assert "anna@" not in "".join(part.partition('"')[0] for part in text.split('href="')[1:])


def test_an_empty_ledger_says_that_nobody_is_suppressed(web: Make) -> None:
    assert "No address is watched, held or suppressed" in web().get("/recipients").text
    assert "No manual changes yet." in web().get("/log").text


# ── actions ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_release_changes_what_the_preview_showed_and_tells_it(desk: Web) -> None:
    path, before = path_to(desk), state_of(desk.ledger)
    preview = desk.get(f"{path}/release").text
    assert "<strong>Nothing has changed yet.</strong>" in preview
    assert "default: Suppressed since 2 March 2026 at 12:00, permanently: 1 of 1" in preview
    assert "1 × recipient.released to crm-hook" in preview
    assert state_of(desk.ledger) == before, "looking changes nothing"
    answer = desk.post(f"{path}/release", data=form_of(preview, because="mailbox works again"))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=release")
    assert standing(desk.ledger) == []
    assert told(desk.ledger)[-1] == ("recipient.released", ANNA, "mailbox works again")
    assert standing(desk.ledger, BEN) != []
    (done,) = desk.ledger.log.newest()
    assert (done.action, done.actor, done.count, done.because) == ("release", "API token", 1, "mailbox works again")
    result = desk.get(answer.headers["location"]).text
    assert "<strong>Released by hand</strong>" in result
    assert "by API token: mailbox works again. The counter is reset." in result
    assert "Released by hand" not in desk.get(path_to(desk, BEN)).text


def test_release_does_just_what_the_shell_does(desk: Web, web: Make) -> None:
    """The same call, so the same steps, records and notices."""
    now = datetime.now(UTC)
    desk.ledger.suppressions.release(BEN, None, Actor("jo", now, "why"), announce=announcer(desk.settings))
    path = path_to(desk)
    desk.post(f"{path}/release", data=form_of(desk.get(f"{path}/release").text, because="why"))

    def without_who(address: str) -> list[tuple[object, ...]]:
        steps = desk.ledger.history.course(address, "default")
        notices = [item for item in desk.ledger.lists.outbox() if item.recipient == address]
        return [*((step.state, step.by, text(step.grounds)) for step in steps),
                *((item.type, item.sequence, item.state, item.target) for item in notices)]

    assert without_who(ANNA) == without_who(BEN)


def test_a_complaint_is_released_only_with_a_proof_and_cancel_comes_first(desk: Web) -> None:
    complaint = bounce("c" * 32, "c@yahoo.com", reason=None, action=None, feedback_type="abuse")
    complaint = replace(complaint, kind=complaint.kind.COMPLAINT)
    desk.ledger.recording.record(page(complaint), decide, announcer(desk.settings))
    preview = desk.get(f"{path_to(desk, 'c@yahoo.com')}/release").text
    assert "Proof that the recipient wants this mail" in preview
    assert preview.index(">Cancel<") < preview.index("Release in 1 stream")
    answer = desk.post(f"{path_to(desk, 'c@yahoo.com')}/release", data=form_of(preview, because=" "))
    assert answer.status_code == 422
    assert standing(desk.ledger, "c@yahoo.com") != []


def test_suppress_by_hand_until_a_day(desk: Web) -> None:
    path = path_to(desk, "dora@example.org")
    preview = desk.get(f"{path}/suppress").text
    assert "1 × recipient.suppressed to crm-hook" in preview
    until = (datetime.now(UTC) + timedelta(days=30)).date()
    answer = desk.post(f"{path}/suppress", data=form_of(
        preview, because="asked by phone", stream="default", until=until.isoformat()
    ))
    assert answer.status_code == 303
    (found,) = [each for each in desk.ledger.lists.suppressions() if each.recipient == "dora@example.org"]
    assert (found.source, text(found.grounds), found.until) == (
        SuppressionSource.MANUAL, "asked by phone", datetime(until.year, until.month, until.day, tzinfo=UTC)
    )
    assert told(desk.ledger)[-1] == ("recipient.suppressed", "dora@example.org", "asked by phone")
    assert "by API token: asked by phone." in desk.get(path).text


@pytest.mark.parametrize(("fields", "status", "said"), [
    ({"because": ""}, 422, "give a reason"), ({"because": "x" * 501}, 422, "longer than 500"),
    ({"stream": "other"}, 422, "Choose one of the streams"), ({"until": "soon"}, 422, "Until is not a date"),
    ({"until": "2020-01-01"}, 422, "must be in the future"), ({"seen": "0" * 32}, 409, "reload it"),
])
def test_a_form_that_is_filled_in_wrongly_changes_nothing(
    desk: Web, fields: dict[str, str], status: int, said: str
) -> None:
    path, before = path_to(desk), state_of(desk.ledger)
    form = form_of(desk.get(f"{path}/suppress").text, because="why", stream="default")
    answer = desk.post(f"{path}/suppress", data={**form, **fields})
    assert answer.status_code == status
    assert said in answer.text
    assert state_of(desk.ledger) == before


def test_what_changed_meanwhile_is_looked_at_again(desk: Web) -> None:
    path = path_to(desk)
    form = form_of(desk.get(f"{path}/release").text, because="why")
    desk.ledger.suppressions.suppress(
        ANNA, "other", Actor("jo", day(9), "complained"), announce=announcer(desk.settings)
    )
    answer = desk.post(f"{path}/release", data=form)
    assert answer.status_code == 409
    assert len(standing(desk.ledger)) == 2
    desk.ledger.suppressions.release(ANNA, None, Actor("jo", day(10), "x"), announce=announcer(desk.settings))
    assert desk.post(f"{path}/release", data=form).status_code == 409
    assert desk.get(f"{path}/release").status_code == 409
    assert on_page(desk) == []


def test_forget_erases_what_it_showed_and_keeps_the_suppression(desk: Web) -> None:
    raw = mail(bounce("e" * 32, "other@example.org"))
    desk.ledger.recording.record([replace(raw, packed=pack(b"Subject: x\n\nof ANNA@gmx.net"))], decide,
                       announcer(desk.settings))
    path = path_to(desk)
    preview = desk.get(f"{path}/forget").text
    for part in ("1 event loses its text", "1 mail is erased", "It stays suppressed in 1 stream",
                 "This can&#39;t be reversed",
                 "still due: each keeps the address until it is accepted or becomes a dead letter"):
        assert part in preview, part
    before = state_of(desk.ledger)
    wrong = desk.post(f"{path}/forget", data=form_of(preview, because="asked", address="ann@gmx.net"))
    assert (wrong.status_code, state_of(desk.ledger)) == (422, before)
    typed = form_of(preview, because="asked by ANNA@gmx.net", address=" Anna@GMX.net ")
    answer = desk.post(f"{path}/forget", data=typed)
    assert answer.status_code == 303
    assert [event.recipient for event in desk.ledger.lists.events() if event.recipient == ANNA] == []
    assert desk.ledger.lists.message("a" * 32) is None
    assert desk.ledger.lists.message("e" * 32) is None
    assert [each.state for each in desk.ledger.lists.recipients(ANNA)] == [State.SUPPRESSED]
    (done,) = desk.ledger.log.newest()
    assert (done.action, done.because) == ("forget", "asked by [forgotten]")
    name = desk.ledger.names.address(done.subject)
    assert name == desk.ledger.lists.known_as(ANNA)
    assert name.startswith("forgotten:"), "the log leads back to nobody"
    release = desk.get(f"{path}/release").text
    assert desk.post(f"{path}/release", data=form_of(release, because="after all")).status_code == 303
    assert {done.subject for done in desk.ledger.log.newest()} == {done.subject}
    page_after = desk.get(path).text
    assert "Forgotten. Only this fact" in page_after
    assert "forgotten:" not in page_after
    listed = desk.get("/events").text
    assert "forgotten address" in listed
    assert "forgotten:" not in listed


def test_what_takes_long_to_forget_goes_on_without_the_browser(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "WAITS", 0.01)
    go_on, looked, forget = threading.Event(), threading.Event(), desk.ledger.privacy.forget

    def slowly(address: str, by: Actor, *, advance: Callable[[int], None]) -> Erased:
        advance(12_000)
        looked.set()
        assert go_on.wait(20)
        return forget(address, by, advance=advance)

    monkeypatch.setattr(desk.ledger.privacy, "forget", slowly)
    path = path_to(desk)
    form = form_of(desk.get(f"{path}/forget").text, because="asked", address=ANNA)
    under_way = desk.post(f"{path}/forget", data=form).headers["location"]
    assert looked.wait(20)
    shown = words(desk.get(under_way).text)
    assert "Forgetting an address: 12,000 stored mails searched." in shown
    assert ANNA not in shown
    assert desk.post(f"{path}/forget", data=form).headers["location"] == under_way, "once is enough"
    assert desk.ledger.log.newest() == []
    go_on.set()
    await_works()
    assert desk.get(under_way).headers["location"] == f"{path}?done=forget"
    assert [done.action for done in desk.ledger.log.newest()] == ["forget"]


def test_a_database_that_fails_amid_forgetting_is_told(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(address: str, by: Actor, *, advance: Callable[[int], None]) -> Erased:
        raise TemporaryFailure("the database is away")

    monkeypatch.setattr(desk.ledger.privacy, "forget", fails)
    path = path_to(desk)
    form = form_of(desk.get(f"{path}/forget").text, because="asked", address=ANNA)
    broken = desk.get(desk.post(f"{path}/forget", data=form).headers["location"]).text
    assert "Interrupted: the database is away. Completed changes are kept." in words(broken)
    assert f"{path}/forget" in links(broken)
    assert desk.ledger.log.newest() == []


def test_in_watch_only_mode_nobody_is_told(desk: Web) -> None:
    hear(desk, mode=Mode.SHADOW)
    path, count = path_to(desk), len(told(desk.ledger))
    preview = desk.get(f"{path}/release").text
    assert "watch-only mode sends nothing" in preview
    desk.post(f"{path}/release", data=form_of(preview, because="why"))
    assert standing(desk.ledger) == []
    assert len(told(desk.ledger)) == count


@pytest.mark.parametrize("action", ["release", "suppress", "forget"])
def test_a_forged_form_changes_nothing(desk: Web, action: str) -> None:
    path, before = f"{path_to(desk)}/{action}", state_of(desk.ledger)
    form = form_of(desk.get(path).text, because="why", stream="default", address=ANNA)
    for headers, data in (
        ({"Sec-Fetch-Site": "cross-site"}, form), ({"Origin": "https://evil.example"}, form),
        ({}, {**form, "csrf": "0" * 64}), ({}, {name: form[name] for name in form if name != "csrf"}),
    ):
        assert desk.post(path, headers=headers, data=data).status_code == 403
    assert desk.post(path, json=form).status_code == 415
    assert state_of(desk.ledger) == before
    assert desk.post(path, data=form).status_code == 303


@pytest.mark.parametrize("action", ["release", "suppress", "forget"])
def test_who_may_only_look_sees_the_button_and_why_it_is_off(desk: Web, action: str) -> None:
    with_reader(desk)
    hear(desk)
    reader = signed_in(desk, READER)
    path, before = f"{path_to(desk)}/{action}", state_of(desk.ledger)
    text = desk.get(path_to(desk), headers=reader).text
    assert text.count("disabled aria-describedby=\"may-not\"") == 4, "protect too"
    assert "You can't make changes (read-only token)." in text
    preview = desk.get(path, headers=reader).text
    assert "disabled aria-describedby=\"may-not\"" in preview
    form = form_of(preview, because="why", stream="default", address=ANNA)
    assert desk.post(path, headers=reader, data=form).status_code == 403
    assert state_of(desk.ledger) == before
    actor = signed_in(desk, TOKEN)
    form["csrf"] = csrf_of(desk.get(path, headers=actor).text)
    assert desk.post(path, headers=actor, data=form).status_code == 303
    await_works()
    (done,) = desk.ledger.log.newest()
    assert done.actor.startswith("signed in (")


# ── find, and the log ───────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(("text", "where"), [
    ("anna@gmx.net", "/recipients/{anna}"), ("  Anna Keller <anna@gmx.net> ", "/recipients/{anna}"),
    ("mailto:anna@gmx.net", "/recipients/{anna}"), ("gmx.net", "/events?domain=gmx.net"),
    ("@GMX.net.", "/events?domain=gmx.net"), ("5.1.1", "/events?code=5.1.1"), ("550", "/events?code=550"),
    (f"{'a' * 32}/", "/events?q={digest}%2F"), ("mailbox full", "/events?q=mailbox+full"), ("", "/recipients"),
    ("code:5.1.1 full", "/events?q=code%3A5.1.1+full"), ("192.0.2.25", "/events?q=192.0.2.25"),
])
def test_find_leads_to_what_was_asked_for(desk: Web, text: str, where: str) -> None:
    csrf = csrf_of(desk.get("/recipients").text)
    answer = desk.post("/find", data={"csrf": csrf, "q": text})
    anna = desk.ledger.names.name(ANNA)
    assert (answer.status_code, answer.headers["location"]) == (303, where.format(anna=anna, digest="a" * 32))


def test_find_knows_events_and_refuses_what_is_endless_or_forged(desk: Web) -> None:
    csrf = csrf_of(desk.get("/recipients").text)
    event = next(iter(desk.ledger.lists.events()))
    assert desk.post("/find", data={"csrf": csrf, "q": event.id}).headers["location"] == f"/events/{event.id}"
    assert desk.post("/find", data={"csrf": csrf, "q": "x" * 321}).status_code == 422
    assert desk.post("/find", data={"q": ANNA}).status_code == 403
    assert desk.get("/find").status_code == 405


def test_the_log_names_who_did_what_to_whom(desk: Web) -> None:
    path = path_to(desk)
    desk.post(f"{path}/release", data=form_of(desk.get(f"{path}/release").text, because="=cmd|' <b>"))
    text = desk.get("/log").text
    for part in ("Released by hand", "API token", "=cmd|&#39; &lt;b&gt;", f'href="{path}"', ANNA):
        assert part in text, part
    demand_harmless(text)
    (row,) = csv.DictReader(io.StringIO(desk.get("/log.csv").text, newline=""))
    assert (row["Why"], row["To"].removeprefix("'")) == ("'=cmd|' <b>", desk.ledger.names.name(ANNA))
    assert json.loads(desk.get("/log.jsonl").text)["because"] == "=cmd|' <b>"
    assert "No action matches." in desk.get("/log?by=petra").text
    assert "Released by hand" in desk.get("/log?by=local&action=release").text


def test_notices_tell_what_the_page_said_that_they_would(desk: Web) -> None:
    """The preview asks the one who tells: so it names no target that would not hear of it."""
    deaf = replace(HOOK, types=frozenset({NoticeType.COMPLAINT}))
    desk.settings = replace(desk.settings, webhooks=(deaf,))
    assert "no target subscribes" in desk.get(f"{path_to(desk)}/release").text
