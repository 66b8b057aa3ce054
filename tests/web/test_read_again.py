"""One mail read again in the browser: today's verdict beside the stored one, written as reclassify does."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bounce_watcher.classification.ruleset import load_rules
from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.model.ledger import BounceEvent, NoticeType, State
from bounce_watcher.model.message import RawMessage
from bounce_watcher.pipeline import Toolkit
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.analysis.dkim_keys import key_lookup
from bounce_watcher.service.analysis.worker import Analysed, analyse_one
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.service.operations import reclassifying
from bounce_watcher.words.grounds import formerly
from tests.cli.test_history import OWN_RULES
from tests.ledger.making import bounce, day, page
from tests.mail import START, Letter, postfix
from tests.web.conftest import Web
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.looking import form_of, links
from tests.web.looking import words as said
from tests.web.test_frame import READER, signed_in, with_reader
from tests.web.test_recipients import hear, state_of

Make = Callable[..., Web]
EDDA = "edda@odd.example"
RULES = (("own.toml", OWN_RULES),)


def take(client: Web, *letters: Letter) -> None:
    """As if polled, under the rules of the package alone."""
    settings = client.settings
    toolkit = Toolkit(load_rules(()), settings.attribution, key_lookup(settings.attribution))
    raws = [RawMessage("returns/INBOX", postfix(each).encode(), each.at, mailbox="returns") for each in letters]
    records = [record for raw in raws if (record := analyse_one(raw, toolkit).record)]
    assert len(records) == len(letters)
    client.ledger.recording.record(records, decider(settings), announcer(settings))


@pytest.fixture
def desk(web: Make) -> Web:
    """One whose reply only an operator's rule knows for a full mailbox, suppressed by the rules of the package."""
    client = web()
    hear(client)
    take(client, Letter(9, EDDA, f"550 5.1.1 <{EDDA}>: a glass onion", START))
    assert [each.state for each in client.ledger.lists.suppressions()] == [State.SUPPRESSED]
    return client


def the_event(client: Web) -> BounceEvent:
    (event,) = client.ledger.lists.events(EventFilter(EDDA))
    return event


def test_it_shows_both_verdicts_and_writes_the_new_one_as_reclassify_does(desk: Web) -> None:
    path, before = f"/events/{the_event(desk).id}", state_of(desk.ledger)
    assert f"{path}/again" in links(desk.get(path).text)
    assert "Same result under current rules" in said(desk.get(f"{path}/again").text)
    desk.settings = replace(desk.settings, rules=RULES)
    preview = desk.get(f"{path}/again").text
    demand_harmless(preview)
    shown = said(preview)
    rule = the_event(desk).rule
    for part in (
        "Nothing has changed yet.", f"edda@odd.example: was “Mailbox does not exist” by {rule}, now “Mailbox full” "
        "by own.strange; Suppressed, then Watching", "1 × recipient.released to crm-hook", "Correct 1 verdict",
    ):
        assert part in shown, part
    assert state_of(desk.ledger) == before, "looking changes nothing"
    form = form_of(preview, because="a rule of ours")
    answer = desk.post(f"{path}/again", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=reread")
    event = the_event(desk)
    assert (event.reason, event.rule) == ("mailbox_full", "own.strange")
    assert (formerly(event.formerly) or "").startswith(f"hard invalid_recipient by {rule} until ")
    assert list(desk.ledger.lists.suppressions()) == []
    assert [item.type for item in desk.ledger.lists.outbox()][-1] is NoticeType.RELEASED
    (done,) = desk.ledger.log.newest()
    assert (done.action, done.subject, done.count, done.because) == ("reread", event.id, 1, "a rule of ours")
    result = desk.get(answer.headers["location"]).text
    assert "1 verdict corrected, with all consequences. Why: a rule of ours" in said(result)
    assert "Older rules classified it differently: hard invalid_recipient" in said(result)
    after = state_of(desk.ledger)
    assert desk.post(f"{path}/again", data=form).status_code == 409, "a double click"
    assert list(reclassifying.reclassify(desk.settings, desk.ledger, None, dry_run=True)) == []
    assert state_of(desk.ledger) == after


def test_what_was_not_seen_before_is_told(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = the_event(desk)
    other = bounce("n" * 32, "new@odd.example", at=stored.at)
    record = replace(page(replace(stored), replace(other, message_digest=stored.message_digest))[0],
                     events=(stored, other))
    _analyses(monkeypatch, Analysed(record))
    preview = said(desk.get(f"/events/{stored.id}/again").text)
    assert "new@odd.example: not seen before, now “Mailbox does not exist” by common.no-such-user" in preview
    assert "is shown only afterwards" in preview


def _analyses(monkeypatch: pytest.MonkeyPatch, outcome: Analysed) -> None:
    """In the place of a worker process."""
    monkeypatch.setattr(Analyser, "__init__", lambda self, *_, **__: setattr(self, "_pool", None))
    monkeypatch.setattr(Analyser, "submit", lambda *_: None)
    monkeypatch.setattr(Analyser, "result", lambda *_: [outcome])
    monkeypatch.setattr(Analyser, "close", lambda *_: None)


def test_a_mail_that_breaks_the_analysis_changes_nothing(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    path, before = f"/events/{the_event(desk).id}/again", state_of(desk.ledger)
    form = form_of(desk.get(f"/recipients/{desk.ledger.names.name(EDDA)}/release").text, because="x")
    _analyses(monkeypatch, Analysed(None, error="TimeoutError while analysing it"))
    for answer in (desk.get(path), desk.post(path, data=form)):
        assert (answer.status_code, "TimeoutError while analysing it" in answer.text) == (422, True)
    assert state_of(desk.ledger) == before


def test_without_its_mail_the_button_is_off_and_says_why(desk: Web) -> None:
    path = f"/events/{the_event(desk).id}"
    form = form_of(desk.get(f"/recipients/{desk.ledger.names.name(EDDA)}/release").text, because="x")
    desk.ledger.history.purge_raw(day(900))
    text = desk.get(path).text
    assert "Reclassify…</button>" in text
    assert "The message is no longer stored, so it can't be reclassified." in said(text)
    assert desk.get(f"{path}/again").status_code == 409
    assert desk.post(f"{path}/again", data=form).status_code == 409
    assert desk.get("/events/none/again").status_code == 404


@pytest.mark.parametrize(("fields", "status"), [
    ({"because": ""}, 422), ({"seen": "0" * 32}, 409), ({"csrf": "0" * 64}, 403),
])
def test_a_form_filled_in_wrongly_changes_nothing(
    desk: Web, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str], status: int
) -> None:
    stored = the_event(desk)
    after = replace(stored, reason=None, rule="own.other")
    _analyses(monkeypatch, Analysed(page(after)[0]))
    path, before = f"/events/{stored.id}/again", state_of(desk.ledger)
    form = form_of(desk.get(path).text, because="why")
    assert desk.post(path, data={**form, **fields}).status_code == status
    assert state_of(desk.ledger) == before


def test_who_may_only_look_reads_and_corrects_nothing(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = the_event(desk)
    _analyses(monkeypatch, Analysed(page(replace(stored, rule="own.other"))[0]))
    with_reader(desk)
    hear(desk)
    reader = signed_in(desk, READER)
    path, before = f"/events/{stored.id}/again", state_of(desk.ledger)
    preview = desk.get(path, headers=reader).text
    assert "You can't make changes" in preview
    assert desk.post(path, headers=reader, data=form_of(preview, because="why")).status_code == 403
    assert state_of(desk.ledger) == before


def test_hostile_verdicts_are_shown_harmless(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = the_event(desk)
    for each in HOSTILE:
        new = bounce("n" * 32, f"x{each}@odd.example", at=stored.at)
        hostile = (replace(stored, rule=each), replace(new, message_digest=stored.message_digest, rule=each))
        _analyses(monkeypatch, Analysed(replace(page(stored)[0], events=hostile)))
        demand_harmless(desk.get(f"/events/{stored.id}/again").text)
