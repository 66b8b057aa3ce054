"""What was not recognised, in the browser: seen in one look, and a rule for it drafted, tried and saved."""

import csv
import io
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bounce_watcher.config.rules import DRAFTED
from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.review.groups import GroupState, group_of, group_of_mail
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent, MessageRecord, Misread, Unread
from bounce_watcher.model.message import pack
from bounce_watcher.model.verdict import Confidence, Reason
from bounce_watcher.service.analysis.judging import language_of
from tests.ledger.making import bounce, day, mail, page, record
from tests.web.conftest import TOKEN, Web
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.looking import csrf_of
from tests.web.test_frame import READER, signed_in, with_reader

Make = Callable[..., Web]
ZORP = "554 5.0.0 <{}>: the zorp of number 17{} has been unplugged"
FULL = "552 5.2.2 <{}>: the zorp has been unplugged, mailbox full"


def lost(number: int, recipient: str, text: str = ZORP) -> BounceEvent:
    return replace(bounce(f"{number:032x}", recipient, at=day(number), reason=Reason.UNKNOWN,
                          diagnostic=text.format(recipient, number)), status="5.0.0", code=554)


EVENTS = [lost(n, f"u{n % 3}@gmail.com") for n in range(1, 7)]
GID = group_of(EVENTS[0]) or ""
FORM = {"reason": "mailbox_disabled", "words": "has been unplugged", "id": "own.zorp", "code": "", "remote": ""}


@pytest.fixture
def desk(web: Make, tmp_path: Path) -> Web:
    client = web()
    rules = tmp_path / "rules"
    rules.mkdir()
    client.settings = replace(client.settings, rules_dir=rules)
    record(client.ledger, page(*EVENTS))
    return client


@pytest.fixture(autouse=True)
def _at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bounce_watcher.web.request.utcnow", lambda: day(8))
    monkeypatch.setattr("bounce_watcher.web.http.access.utcnow", lambda: day(8))


def fields_of(text: str, action: str) -> dict[str, str]:
    """What a form of the page holds that nobody types."""
    form = re.search(rf'<form[^>]*action="{action}">(.*?)</form>', text, re.DOTALL)
    assert form, action
    hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[1])
    return {name: value.replace("&#34;", '"').replace("&amp;", "&") for name, value in hidden}


def folder(client: Web) -> Path:
    assert client.settings.rules_dir is not None
    return client.settings.rules_dir


def tried(client: Web, **changes: str) -> httpx.Response:
    form = csrf_of(client.get(f"/review/{GID}").text)
    return client.post(f"/review/{GID}/rule", data={**FORM, **changes, "csrf": form})


def saved(client: Web, text: str, **more: str) -> httpx.Response:
    held = fields_of(text, f"/review/{GID}/save")
    return client.post(f"/review/{GID}/save", data={**held, "because": "seen at the gateway", **more})


def test_one_look_tells_what_was_not_recognised(desk: Web) -> None:
    text = desk.get("/review").text
    demand_harmless(text)
    assert "1 wording" in text
    assert "the zorp of number # has been unplugged" in text
    assert "were not recognised; none affected an address" in text
    assert 'class="count is-info">1<span class="vh"> new or recurring' in text
    assert "No wordings match" in desk.get("/review?state=aside").text
    assert "No wordings match" in desk.get("/review?provider=gmx.net").text
    assert "an unknown filter: <code>foo</code>" in desk.get("/review?foo=1").text


def test_lists_are_downloaded_as_they_are_shown(desk: Web) -> None:
    (row,) = csv.DictReader(io.StringIO(desk.get("/review.csv").text, newline=""))
    assert (row["Mails"], row["Recipients"], row["State"], row["Providers"]) == ("6", "3", "New", "google.com")
    (line,) = desk.get("/review.jsonl?provider=google.com").text.splitlines()
    assert (json.loads(line)["id"], json.loads(line)["codes"]) == (GID, {"5.0.0": 6})


def test_a_group_tells_why_it_is_one_and_shows_samples(desk: Web) -> None:
    text = desk.get(f"/review/{GID}").text
    demand_harmless(text)
    assert "<mark>&lt;address&gt;</mark>" in text
    assert "<code>#</code> stands for a number" in text
    assert text.count('class="stack sample"') == 5
    assert 'value="the zorp of number"' in text
    assert 'value="own.the-zorp-of-number"' in text
    assert desk.get("/review/nothing").status_code == 404


ODD = b"From: Gate <mailer-daemon@gate.example>\nSubject: Undeliverable: order 4711\n\nThe gate has no zorp for it."


def odd(number: int, content: bytes = ODD, wording: str = "undeliverable: order #",
        kind: Misread = Misread.NOTICE) -> MessageRecord:
    letter = mail(digest=f"odd{number}", kind=Kind.OTHER, at=day(number))
    what = Unread(kind, wording)
    return replace(letter, packed=pack(content), unread=what, language=language_of((), what))


def gid_of(message: MessageRecord) -> str:
    return group_of_mail(message) or ""


def test_mail_that_names_nobody_is_grouped_and_shown_and_no_rule_is_offered(desk: Web) -> None:
    record(desk.ledger, [odd(1), odd(2), odd(3, ODD, "re: spring sale", Misread.LETTER)])
    text = desk.get("/review").text
    demand_harmless(text)
    assert "3 wordings" in text
    assert "Notice without recipient" in text
    assert "2 mails in 28 days" in text
    assert "re: spring sale" in desk.get("/review?kind=letter").text
    assert "undeliverable: order" not in desk.get("/review?kind=letter").text
    path = f"/review/{gid_of(odd(1))}"
    text = desk.get(path).text
    demand_harmless(text)
    assert "Draft a rule" not in text
    assert "this message names no recipient" in text
    assert text.count('class="stack sample"') == 2
    assert "Undeliverable: order 4711" in text
    assert "The gate has no zorp" in desk.get(f"{path}/mail/odd1").text
    file = desk.get(f"{path}/mail/odd1.eml")
    assert (file.content, file.headers["content-type"]) == (ODD, "application/octet-stream")
    assert desk.get(f"{path}/mail/{EVENTS[0].message_digest}").status_code == 404
    refused = desk.post(f"{path}/rule", data={**FORM, "csrf": csrf_of(text)})
    assert refused.status_code == 409
    other = gid_of(odd(3, ODD, "re: spring sale", Misread.LETTER))
    assert "It doesn&#39;t look like a report" in desk.get(f"/review/{other}").text


def test_mail_that_names_nobody_can_be_set_aside_and_comes_back(desk: Web) -> None:
    record(desk.ledger, [odd(1), odd(2)])
    path = f"/review/{gid_of(odd(1))}"
    form = desk.get(f"{path}/aside").text
    held = fields_of(form, f"{path}/aside")
    done = desk.post(f"{path}/aside", data={**held, "a_day": "10", "because": "an old gateway"})
    assert done.status_code == 303
    record(desk.ledger, [replace(odd(7), digest=f"odd7{n}") for n in range(11)])
    (group,) = [each for each in desk.ledger.review.groups(Query()) if each.kind is Misread.NOTICE]
    assert (group.state, group.mails) == (GroupState.BACK, 13)


def test_facets_tell_kinds_and_providers(desk: Web) -> None:
    record(desk.ledger, [odd(1)])
    text = desk.get("/review").text
    assert re.search(r'href="/review\?provider=google.com"[^>]*>Google</a> <span class="small">1</span>', text)
    assert re.search(
        r'href="/review\?kind=notice"[^>]*>Notice without recipient</a> <span class="small">1</span>', text
    )


def test_facets_tell_languages(desk: Web) -> None:
    record(desk.ledger, [odd(1, wording="zustellung nicht möglich: das postfach ist verwaist")])
    text = desk.get("/review").text
    assert re.search(r'href="/review\?language=de"[^>]*>German</a> <span class="small">1</span>', text)
    text = desk.get("/review?language=de").text
    assert "language: German" in text
    assert "verwaist" in text
    assert "has been unplugged" not in text
    demand_harmless(desk.get("/review?language=%3Cscript%3E").text)
    (row,) = csv.DictReader(io.StringIO(desk.get("/review.csv?language=en").text, newline=""))
    assert (row["Language"], row["Mails"]) == ("en", "6")
    assert "<dt>Language</dt><dd>English</dd>" in desk.get(f"/review/{GID}").text


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_mail_that_names_nobody_does_nothing(web: Make, words: str) -> None:
    client = web()
    content = f"From: {words}\nSubject: {words}\n\n{words}".encode("utf-8", "surrogatepass")
    letter = odd(1, content, words.lower())
    record(client.ledger, [letter])
    for path in ("/review", f"/review/{gid_of(letter)}", f"/review/{gid_of(letter)}/mail/odd1"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        demand_harmless(answer.text)


@pytest.mark.parametrize("words", HOSTILE)
def test_what_strangers_write_does_nothing(web: Make, words: str) -> None:
    client = web()
    event = replace(lost(1, "u@gmail.com"), diagnostic=f"554 {words} of the zorp {words}", quote=words)
    record(client.ledger, page(event))
    gid = group_of(event)
    for path in ("/review", f"/review/{gid}", f"/review/{gid}/aside"):
        demand_harmless(client.get(path).text)
    form = csrf_of(client.get(f"/review/{gid}").text)
    answer = client.post(f"/review/{gid}/rule", data={**FORM, "words": "of the zorp", "csrf": form})
    assert answer.status_code == 200
    assert "Matches <strong>1 of 1</strong>" in answer.text
    demand_harmless(answer.text)
    (cell,) = [row["Wording"] for row in csv.DictReader(io.StringIO(client.get("/review.csv").text, newline=""))]
    assert not cell.startswith(("=", "+", "-", "@"))


def test_a_draft_is_tried_saved_and_in_force_for_whoever_reads_the_folder(desk: Web) -> None:
    text = tried(desk).text
    demand_harmless(text)
    assert "Matches <strong>6 of 6</strong> reports of this wording" in text
    assert "Takes nothing away from other rules" in text
    assert "Effect over 90 days:</strong> 3 more addresses suppressed" in text
    assert not list(folder(desk).iterdir()), "a trial changes nothing"
    answer = saved(desk, text)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/review/{GID}?done=rule")
    (rule,) = tomllib.loads((folder(desk) / DRAFTED).read_text())["rule"]
    assert (rule["id"], rule["text"]) == ("own.zorp", ["has been unplugged"])
    assert "u1@gmail.com" not in rule["examples"][0]
    group = desk.ledger.review.group(GID)
    assert group is not None
    assert group.state is GroupState.DRAFTED
    (done,) = desk.ledger.log.newest()
    assert (done.action, done.subject, done.because) == ("saved the rule own.zorp", GID, "seen at the gateway")
    assert "to new mail after the next reload: <code>systemctl" in desk.get(answer.headers["location"]).text
    assert {each.state for each in desk.ledger.lists.recipients("u1@gmail.com")} == {"active"}


def test_what_it_takes_from_other_rules_is_shown_and_must_be_ticked(desk: Web) -> None:
    record(desk.ledger, page(replace(
        bounce("f" * 32, "full@gmail.com", at=day(6), reason=Reason.MAILBOX_FULL,
               diagnostic=FULL.format("full@gmail.com")), status="5.2.2", code=552,
    )))
    text = tried(desk).text
    assert "Would take 1 report away from other rules" in text
    ticked = re.search(r'name="accept" value="([^"]+)" required', text)
    assert ticked
    refused = saved(desk, text)
    assert refused.status_code == 422
    assert "accept that or narrow the rule" in refused.text
    assert not list(folder(desk).iterdir())
    assert saved(desk, text, accept=ticked[1]).status_code == 303


def test_weak_words_are_shown_and_a_rule_for_them_takes_nothing_from_others(desk: Web) -> None:
    words = "550 5.7.1 User unknown at zorp number 17{1}"
    events = [
        replace(bounce(f"a{number:031x}", f"w{number}@gmail.com", at=day(number), diagnostic=words.format("", number)),
                status="5.7.1", code=550, rule="common.no-such-user", confidence=Confidence.GUESS)
        for number in (1, 2)
    ]
    record(desk.ledger, page(*events))
    assert "Weak words" in desk.get("/review?kind=weak").text
    gid = group_of(events[0]) or ""
    text = desk.get(f"/review/{gid}").text
    demand_harmless(text)
    assert "to 2 recipients. They count only if another day confirms them." in text
    answer = desk.post(f"/review/{gid}/rule", data={
        **FORM, "reason": "policy", "words": "user unknown at zorp", "csrf": csrf_of(text),
    })
    assert answer.status_code == 200
    assert "nothing away from other rules" in answer.text


def test_a_code_that_may_pass_contradicts_a_hard_reason(web: Make) -> None:
    client = web()
    record(client.ledger, page(*(
        replace(event, diagnostic=(event.diagnostic or "").replace("554 5.0.0", "450 4.0.0"), status="4.0.0", code=450)
        for event in EVENTS
    )))
    (gid,) = [each.gid for each in client.ledger.review.groups(Query())]
    form = csrf_of(client.get(f"/review/{gid}").text)
    text = client.post(f"/review/{gid}/rule", data={**FORM, "csrf": form}).text
    assert "Contradiction:</strong> 6 of the 6" in text


@pytest.mark.parametrize(("changes", "told"), [
    ({"words": ""}, "it matches everything"),
    ({"words": "no such words"}, "none of the newest reports of this wording says all of these words"),
    ({"id": "Own"}, "id must be words in small letters"),
    ({"code": "nine"}, "is not of the form"),
    ({"words": "x" * 400}, "take fewer"),
    ({"words": 'a" \\ " b'}, "none of the newest reports"),
    ({"code": "5.7.1"}, "<bdi>does not win its example"),
])
def test_what_is_no_rule_is_told_and_not_saved(desk: Web, changes: dict[str, str], told: str) -> None:
    answer = tried(desk, **changes)
    assert answer.status_code == 200
    assert told in answer.text
    assert "Save the rule" not in answer.text


def test_reports_that_say_nothing_get_a_rule_by_their_code_and_server(desk: Web) -> None:
    silent = [replace(lost(n, f"s{n}@example.org"), diagnostic=None, quote=None, code=None, remote_mta="mx.example.org")
              for n in (11, 12)]
    record(desk.ledger, page(*silent))
    path = f"/review/{group_of(silent[0])}"
    text = desk.get(path).text
    assert "there is no text to match" in text
    assert 'name="code" value="5.0.0"' in text
    assert 'name="remote" value="mx.example.org"' in text
    form = {"reason": "system_error", "words": "", "id": "own.silent", "code": "5.0.0", "remote": "mx.example.org",
            "csrf": csrf_of(text)}
    hard = desk.post(f"{path}/rule", data={**form, "reason": "invalid_recipient"}).text
    assert "says a hard reason by numbers or hosts alone" in hard
    assert "leave the words empty" in desk.post(f"{path}/rule", data={**form, "words": "zorp"}).text
    text = desk.post(f"{path}/rule", data=form).text
    demand_harmless(text)
    assert "Matches <strong>2 of 2</strong> reports of this wording" in text
    assert "Matches no other unrecognised report" in text
    assert "no address would change" in text
    wide = desk.post(f"{path}/rule", data={**form, "remote": ""}).text
    assert "Matches <strong>6 other unrecognised reports" in wide
    held = fields_of(text, f"{path}/save")
    assert desk.post(f"{path}/save", data={**held, "because": "their relay is down"}).status_code == 303
    (rule,) = tomllib.loads((folder(desk) / DRAFTED).read_text())["rule"]
    assert (rule["status"], rule["remote"], "text" in rule) == (["5.0.0"], ["mx.example.org"], False)


def test_the_trial_of_the_moment_decides(desk: Web) -> None:
    text = tried(desk).text
    assert saved(desk, text, words="the zorp of").status_code == 409
    assert saved(desk, text, reason="nonsense").status_code == 422
    assert saved(desk, text, because="").status_code == 422
    assert saved(desk, text, csrf="0" * 64).status_code == 403
    desk.settings = replace(desk.settings, rules_dir=None)
    again = tried(desk).text
    assert "No rules_dir is configured" in again
    assert "Save the rule" not in again


def test_who_may_only_look_may_try_and_not_save(web: Make) -> None:
    client = with_reader(web(TOKEN))
    record(client.ledger, page(*EVENTS))
    session = signed_in(client, READER)
    form = csrf_of(client.get(f"/review/{GID}", headers=session).text)
    tried_ = client.post(f"/review/{GID}/rule", data={**FORM, "csrf": form}, headers=session)
    assert tried_.status_code == 200
    for path in ("save", "aside", "up"):
        answer = client.post(f"/review/{GID}/{path}", data={**FORM, "csrf": form}, headers=session)
        assert answer.status_code == 403, path
    assert client.post(f"/review/{GID}/rule", data=FORM, headers=session).status_code == 403


def test_set_aside_with_a_reason_and_taken_up_again(desk: Web) -> None:
    preview = desk.get(f"/review/{GID}/aside").text
    demand_harmless(preview)
    form = {**fields_of(preview, f"/review/{GID}/aside"), "a_day": "10", "because": "an old gateway"}
    assert desk.post(f"/review/{GID}/aside", data={**form, "because": ""}).status_code == 422
    assert desk.post(f"/review/{GID}/aside", data={**form, "a_day": "7"}).status_code == 422
    answer = desk.post(f"/review/{GID}/aside", data=form)
    assert answer.headers["location"] == f"/review/{GID}?done=aside"
    assert desk.post(f"/review/{GID}/aside", data=form).status_code == 409
    text = desk.get(f"/review/{GID}").text
    assert "an old gateway" in text
    assert "Reopen…" in text
    preview = desk.get(f"/review/{GID}/up").text
    assert desk.post(f"/review/{GID}/up", data=fields_of(preview, f"/review/{GID}/up")).status_code == 303
    group = desk.ledger.review.group(GID)
    assert group is not None
    assert group.state is GroupState.NEW
