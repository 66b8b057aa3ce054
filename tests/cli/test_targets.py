"""What a person does with targets: compare a platform's list, try a target, look at what waits for one."""

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import typer

from bounce_watcher.cli.ledger import drift as cli
from bounce_watcher.config import load
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import OutboxState, State, Suppression, SuppressionSource
from bounce_watcher.model.list_comparison import Side
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.outbox.platforms import sendgrid
from bounce_watcher.service.operations import drift
from tests.cli.conftest import Done, Program
from tests.outbox.platforms.vendor import KEY, Answer, Call, serving
from tests.outbox.platforms.vendors.sendgrid import SendGrid
from tests.servers.receiver import SECRET, Receiver
from tests.servers.receiver import Reply as Wish

USER, OTHER, THEIRS = "user@gone.example", "other@gone.example", "left@example.org"


class Dated(SendGrid):
    """Tells since when each address is listed; `since` stands for what is not named in `dates`."""

    def __init__(self) -> None:
        super().__init__()
        self.since = datetime.now(UTC)
        self.dates: dict[str, datetime] = {}
        self.ignores_offset = False

    def _list(self, call: Call) -> Answer:
        limit, offset = int(call.query["limit"][0]), int(call.query.get("offset", ["0"])[0])
        rows = [
            {"created": int(self.dates.get(email, self.since).timestamp()), "email": email}
            for email in sorted(self.listed)
        ]
        start = 0 if self.ignores_offset else offset
        return Answer(200, rows[start : start + limit])


@pytest.fixture
def vendor() -> Iterator[Dated]:
    with serving(Dated()) as it:
        yield it


@pytest.fixture
def desk(program: Program, vendor: Dated) -> Program:
    """The program with a platform beside the webhook of its configuration."""
    return configured(program, vendor)


def configured(program: Program, vendor: Dated, more: str = "", policy: str = "") -> Program:
    text = program.config.read_text().partition("[[webhook]]")[0]
    program.config.write_text(f"""{text}
[[platform]]
name = "newsletter"
kind = "sendgrid"
url = "{vendor.url}"
api_key = "{KEY}"
timeout = "20s"
rate = 1000.0
{more}

{policy}
""")
    return program


def poll(program: Program) -> Done:
    """The mailbox of this configuration can't be reached, so its exit status is 1; the outbox goes out all the same."""
    return program.ledger("poll")


def suppress(program: Program, *addresses: str, stream: str = "news") -> None:
    for address in addresses:
        done = program.ledger("suppressions", "add", address, "--because", "asked by phone", "--stream", stream)
        assert done.status == 0, done.err


def release(program: Program, address: str) -> None:
    assert program.ledger("suppressions", "remove", address, "--because", "mistake").status == 0


def differences(program: Program, *options: str) -> dict[str, tuple[str, str, str | None]]:
    done = program.ledger("drift", "newsletter", "--json", *options)
    assert done.status == 0, done.err
    return {row["recipient"]: (row["stands"], row["case"], row["fix"]) for row in done.rows}


def standing(program: Program) -> dict[str, str]:
    return {row["recipient"]: row["source"] for row in program.ledger("suppressions", "list", "--json").rows}


# ── what differs ────────────────────────────────────────────────────────────────────────────────────────────────────

def test_equal_lists_show_nothing(desk: Program, vendor: Dated) -> None:
    suppress(desk, USER, "Other@Gone.example")
    poll(desk)
    vendor.listed = {address.upper() for address in vendor.listed}  # case is no difference
    assert differences(desk) == {}
    told = desk.ledger("drift", "newsletter").out
    assert "platform newsletter lists 2; suppressed here for it: 2" in told
    assert "only here: 0" in told
    assert "only there: 0" in told


def test_what_stands_on_one_side_alone_is_shown_with_its_reason(desk: Program, vendor: Dated) -> None:
    suppress(desk, USER, OTHER)
    poll(desk)
    vendor.listed = {USER, THEIRS}
    suppress(desk, "late@gone.example")
    assert differences(desk) == {
        OTHER: ("here", "missing", "there"),
        "late@gone.example": ("here", "sending", None),
        THEIRS: ("there", "theirs", "here"),
    }
    row = next(row for row in desk.ledger("drift", "newsletter", "--json").rows if row["recipient"] == THEIRS)
    assert (row["reason"], row["since"][:10]) == ("unsubscribe", vendor.since.date().isoformat())
    calls = [call.method for call in vendor.calls if call.method != "GET"]
    assert calls == ["POST"], "looking changes nothing"


def test_who_was_refused_is_shown_with_the_answer(desk: Program, vendor: Dated) -> None:
    vendor.always(Answer(400, {"errors": [{"message": "email address is invalid"}]}))
    suppress(desk, USER)
    poll(desk)
    vendor.always(None)
    (row,) = desk.ledger("drift", "newsletter", "--json").rows
    assert (row["case"], row["fix"]) == ("dead", "there")
    assert "email address is invalid" in row["because"]


def test_streams_and_states_that_it_is_not_told_of_are_no_difference(program: Program, vendor: Dated) -> None:
    desk = configured(program, vendor, 'streams = ["news"]')
    suppress(desk, USER, stream="orders")
    with Ledger.connect(f"sqlite:///{desk.folder}/ledger.db") as ledger:
        now = datetime.now(UTC)
        held = Suppression(
            OTHER, "news", State.PENDING, "invalid_recipient", now, ByPerson("held"), SuppressionSource.POLICY
        )
        ledger.suppressions.adopt([held], now, lambda _: ())
    assert differences(desk) == {}
    everywhere = "recipient,stream,scope\nevery@gone.example,orders,global\n"
    assert desk.ledger("suppressions", "import", "-", stdin=everywhere).status == 0
    assert differences(desk) == {"every@gone.example": ("here", "sending", None)}
    vendor.listed = {USER, OTHER}
    found = differences(desk)
    assert found[OTHER] == ("there", "held", None)
    assert found[USER] == ("there", "theirs", "here")


def test_an_entry_that_is_no_address_is_left_out_and_told(desk: Program, vendor: Dated) -> None:
    vendor.listed = {"example.org", "@example.org", THEIRS}
    assert set(differences(desk)) == {THEIRS}
    assert "2 entries of its list are not addresses" in desk.ledger("drift", "newsletter").out


def test_who_was_forgotten_is_found_there_by_the_hash(desk: Program, vendor: Dated) -> None:
    suppress(desk, USER, OTHER)
    poll(desk)
    for address in (USER, OTHER):
        assert desk.ledger("forget", address).status == 0
    assert differences(desk) == {}
    vendor.listed.discard(OTHER)
    (found,) = differences(desk).values()
    assert found == ("here", "forgotten", None)
    vendor.listed.add(OTHER)
    assert desk.ledger("suppressions", "remove", USER, "--because", "asked").status == 0
    (row,) = desk.ledger("drift", "newsletter", "--json").rows
    assert (row["recipient"], row["stands"]) == (USER, "there")


# ── mended there ────────────────────────────────────────────────────────────────────────────────────────────────────

def test_fix_there_sends_what_is_missing_through_the_outbox(desk: Program, vendor: Dated) -> None:
    suppress(desk, USER, OTHER)
    poll(desk)
    vendor.listed = {THEIRS}
    before = desk.ledger("outbox", "list", "--json").out
    assert set(differences(desk, "--fix", "there", "--dry-run")) == {USER, OTHER}
    assert desk.ledger("outbox", "list", "--json").out == before
    calls = len(vendor.calls)
    done = desk.ledger("drift", "newsletter", "--fix", "there")
    assert (done.status, "2 recipients put into the outbox" in done.out) == (0, True)
    assert [call.method for call in vendor.calls[calls:]] == ["GET"], "nothing is sent but by the outbox"
    assert {case for _, case, _ in differences(desk).values()} == {"sending", "theirs"}
    again = desk.ledger("drift", "newsletter", "--fix", "there")
    assert "--fix there: 0 recipients" in again.out
    poll(desk)
    assert vendor.listed == {USER, OTHER, THEIRS}
    assert differences(desk) == {THEIRS: ("there", "theirs", "here")}


def test_fix_there_tells_a_platform_that_is_new_of_everybody(program: Program, vendor: Dated) -> None:
    suppress(program, USER, OTHER)
    desk = configured(program, vendor)
    assert differences(desk) == {USER: ("here", "missing", "there"), OTHER: ("here", "missing", "there")}
    assert desk.ledger("drift", "newsletter", "--fix", "there").status == 0
    rows = desk.ledger("outbox", "list", "--target", "newsletter", "--json").rows
    assert [(row["recipient"], row["type"], row["sequence"]) for row in rows] == [
        (OTHER, "recipient.suppressed", 2), (USER, "recipient.suppressed", 2),
    ]
    assert len(desk.ledger("outbox", "list", "--target", "platform", "--json").rows) == 2, "the webhook hears nothing"
    poll(desk)
    assert vendor.listed == {USER, OTHER}


def test_fix_there_sends_a_dead_letter_once_more(desk: Program, vendor: Dated) -> None:
    vendor.always(Answer(400, {"errors": []}))
    suppress(desk, USER)
    poll(desk)
    vendor.always(None)
    (before,) = desk.ledger("outbox", "list", "--json").rows
    assert before["state"] == "dead"
    assert desk.ledger("drift", "newsletter", "--fix", "there").status == 0
    (after,) = desk.ledger("outbox", "list", "--json").rows
    assert (after["id"], after["state"]) == (before["id"], "due")
    poll(desk)
    assert vendor.listed == {USER}


def refused_release(desk: Program, vendor: Dated) -> None:
    """USER was put there by us and released here, which the platform never took."""
    suppress(desk, USER)
    poll(desk)
    vendor.always(Answer(400, {"errors": []}))
    release(desk, USER)
    poll(desk)
    vendor.always(None)
    assert vendor.listed == {USER}


def test_fix_there_releases_whom_we_put_there_and_released(desk: Program, vendor: Dated) -> None:
    refused_release(desk, vendor)
    assert differences(desk) == {USER: ("there", "left_over", "there")}
    assert differences(desk, "--fix", "here") == {}, "nobody whom we released is imported"
    assert desk.ledger("drift", "newsletter", "--fix", "there").status == 0
    assert differences(desk) == {USER: ("there", "sending", None)}
    poll(desk)
    assert vendor.listed == set()


def test_a_release_of_which_nobody_was_told_is_made_up_for(desk: Program, vendor: Dated) -> None:
    suppress(desk, USER)
    poll(desk)
    text = desk.config.read_text()
    desk.config.write_text(text.partition("[[platform]]")[0])
    release(desk, USER)
    desk.config.write_text(text)
    assert differences(desk) == {USER: ("there", "left_over", "there")}
    assert desk.ledger("drift", "newsletter", "--fix", "there").status == 0
    poll(desk)
    assert vendor.listed == set()
    assert differences(desk) == {}


@pytest.mark.parametrize("days", [-30, 30])
def test_who_was_listed_at_another_time_than_by_us_is_not_ours_to_release(
    desk: Program, vendor: Dated, days: int
) -> None:
    refused_release(desk, vendor)
    vendor.dates[USER] = datetime.now(UTC) + timedelta(days=days)
    assert differences(desk) == {USER: ("there", "theirs", "here")}
    desk.ledger("drift", "newsletter", "--fix", "there")
    poll(desk)
    assert vendor.listed == {USER}


def test_who_unsubscribed_there_is_never_released_by_us(desk: Program, vendor: Dated) -> None:
    suppress(desk, USER)
    poll(desk)
    release(desk, USER)
    poll(desk)
    vendor.listed = {USER, THEIRS}  # unsubscribed there since, the one and the other
    vendor.since = datetime.now(UTC) + timedelta(hours=1)
    assert {fix for _, _, fix in differences(desk).values()} == {"here"}
    desk.ledger("drift", "newsletter", "--fix", "there")
    poll(desk)
    assert vendor.listed == {USER, THEIRS}


def test_a_list_that_lags_behind_our_release_is_left_alone(desk: Program, vendor: Dated) -> None:
    suppress(desk, USER)
    poll(desk)
    release(desk, USER)
    poll(desk)
    vendor.listed = {USER}
    assert differences(desk) == {USER: ("there", "lately", None)}


def test_a_person_at_a_terminal_is_asked(desk: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    suppress(desk, USER)
    assert desk.ledger("outbox", "discard", "--target", "newsletter").status == 0
    asked: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return False

    with monkeypatch.context() as at_terminal:
        at_terminal.setattr(sys, "stdin", Terminal())
        at_terminal.setattr(sys, "stdout", Terminal())
        at_terminal.setattr(typer, "confirm", confirm)
        assert cli._agreed(Side.THERE, 3) is False
    assert asked == ["--fix there for 3 recipients?"]
    monkeypatch.setattr(cli, "_agreed", lambda *_: False)
    refused = ("drift", "newsletter", "--fix", "there", "-c", str(desk.config))
    assert "put into the outbox" not in desk.call(*refused).out
    assert "1 recipient put into the outbox" in desk.call(*refused, "--yes").out


class Terminal:
    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None: ...


def test_in_shadow_mode_nothing_is_sent(program: Program, vendor: Dated) -> None:
    suppress(program, USER)
    desk = configured(program, vendor, policy='[policy]\nmode = "shadow"')
    assert desk.ledger("drift", "newsletter", "--fix", "there", "--dry-run").status == 0
    done = desk.ledger("drift", "newsletter", "--fix", "there")
    assert done.status == 1
    assert "the mode is shadow" in done.complaint


# ── mended here ─────────────────────────────────────────────────────────────────────────────────────────────────────

def test_fix_here_imports_what_is_theirs_and_counts_it_as_no_bounce(program: Program, vendor: Dated) -> None:
    webhook = program.config.read_text().partition("[[webhook]]")[2].partition("[service]")[0]
    desk = configured(program, vendor, f"[[webhook]]{webhook}")
    suppress(desk, USER)
    poll(desk)
    vendor.listed |= {THEIRS}
    assert set(differences(desk, "--fix", "here", "--dry-run")) == {THEIRS}
    assert standing(desk) == {USER: "manual"}
    done = desk.ledger("drift", "newsletter", "--fix", "here")
    assert (done.status, "1 recipient imported" in done.out) == (0, True)
    assert standing(desk) == {USER: "manual", THEIRS: "platform"}
    (row,) = desk.ledger("suppressions", "show", THEIRS, "--json").rows
    assert (row["reason"], row["bounce_type"], row["until"]) == ("already_suppressed", None, None)
    assert row["because"] == "on the list of platform newsletter: unsubscribe"
    (record,) = desk.ledger("recipients", "show", THEIRS, "--json").rows
    assert (record["counts"], record["history"], record["course"][0]["by"]) == ({}, [], "platform")
    told = desk.ledger("outbox", "list", "--recipient", THEIRS, "--json").rows
    assert [item["target"] for item in told] == ["platform"], "the platform itself knows"
    assert differences(desk) == {}


def test_who_was_imported_and_stands_there_no_more_is_not_put_there_again(desk: Program, vendor: Dated) -> None:
    vendor.listed = {THEIRS}
    assert desk.ledger("drift", "newsletter", "--fix", "here").status == 0
    vendor.listed = set()  # subscribed again there
    assert differences(desk) == {THEIRS: ("here", "withdrawn", None)}
    assert "--fix there: 0 recipients" in desk.ledger("drift", "newsletter", "--fix", "there").out
    suppress(desk, THEIRS, stream="offers")  # on other grounds as well
    poll(desk)
    vendor.listed = set()
    assert differences(desk) == {THEIRS: ("here", "missing", "there")}


def test_fix_here_asks_for_a_stream_where_there_are_several(program: Program, vendor: Dated) -> None:
    desk = configured(program, vendor, 'streams = ["news", "offers"]')
    vendor.listed = {THEIRS}
    done = desk.ledger("drift", "newsletter", "--fix", "here")
    assert done.status == 2
    assert "gets the streams news, offers: add --stream with one of them" in done.complaint
    assert desk.ledger("drift", "newsletter", "--fix", "here", "--stream", "orders").status == 2
    assert desk.ledger("drift", "newsletter", "--stream", "offers").status == 2
    assert desk.ledger("drift", "newsletter", "--fix", "here", "--stream", "offers").status == 0
    (row,) = desk.ledger("suppressions", "show", THEIRS, "--json").rows
    assert row["stream"] == "offers"


# ── lists that make trouble ─────────────────────────────────────────────────────────────────────────────────────────

def test_a_list_of_many_pages_is_read_to_its_end(desk: Program, vendor: Dated) -> None:
    vendor.listed = {f"user{number:05}@example.org" for number in range(1742)}
    assert len(differences(desk)) == 1742
    assert desk.ledger("drift", "newsletter", "--fix", "here").status == 0
    assert differences(desk) == {}


def test_a_list_that_has_no_end_is_refused(desk: Program, vendor: Dated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "IDLE_PAGES", 3)
    vendor.listed = {f"user{number:03}@example.org" for number in range(sendgrid.PAGE_SIZE)}
    vendor.ignores_offset = True
    done = desk.ledger("drift", "newsletter")
    assert done.status == 1
    assert "its list has no end" in done.complaint


def test_a_page_that_fails_is_asked_for_again(
    desk: Program, vendor: Dated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "WAITS", (timedelta(0),) * 3)
    vendor.listed = {THEIRS}
    vendor.then(Answer(503), Answer(429, {"errors": []}), Answer(disconnect=True))
    assert set(differences(desk)) == {THEIRS}
    vendor.always(Answer(503, body=b"upstream"))
    done = desk.ledger("drift", "newsletter")
    assert done.status == 1
    assert "its list can't be read: HTTP 503" in done.complaint


def test_a_wrong_key_is_told_at_once(desk: Program, vendor: Dated) -> None:
    desk.config.write_text(desk.config.read_text().replace(KEY, "another-key"))
    done = desk.ledger("drift", "newsletter")
    assert done.status == 1
    assert "check the key and its rights" in done.complaint
    assert len(vendor.calls) == 1


def test_a_kind_whose_list_nobody_can_read(desk: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sendgrid.SendGrid, "lists", False)
    done = desk.ledger("drift", "newsletter")
    assert done.status == 1
    assert "a sendgrid lets nobody read its list" in done.complaint


def test_only_platforms_keep_lists(program: Program, vendor: Dated) -> None:
    done = program.ledger("drift", "platform")
    assert done.status == 2
    assert "webhook platform gets events and keeps no list" in done.complaint
    done = configured(program, vendor).ledger("drift", "nobody")
    assert done.status == 2
    assert "named 'nobody'; there are: newsletter" in done.complaint


# ── trying a target, and what waits for one ─────────────────────────────────────────────────────────────────────────

def test_a_webhook_is_tried_by_a_signed_event(program: Program, receiver: Receiver) -> None:
    program.config.write_text(program.config.read_text().replace("http://127.0.0.1:9/hook", receiver.url))
    shown = program.ledger("outbox", "test", "platform", "--dry-run")
    assert not receiver.requests
    assert shown.out.startswith(f"POST {receiver.url}\n")
    assert "webhook-id: msg_test" in shown.out
    assert "webhook-signature: …" in shown.out
    assert json.loads(shown.out.splitlines()[-1])["type"] == "endpoint.test"
    done = program.ledger("outbox", "test", "platform")
    assert (done.status, done.out) == (0, "webhook platform: HTTP 204 No Content: it accepted endpoint.test\n")
    (request,) = receiver.requests
    assert (request.verified, request.type) == (True, "endpoint.test")
    receiver.always(Wish(401))
    refused = program.ledger("outbox", "test", "platform")
    assert refused.status == 1
    assert "HTTP 401 Unauthorized; let POST through without a log-in" in refused.complaint
    assert SECRET not in shown.out + done.out + refused.err


def test_a_platform_is_tried_by_its_check(desk: Program, vendor: Dated) -> None:
    shown = desk.ledger("outbox", "test", "newsletter", "--dry-run")
    assert shown.out.startswith(f"GET {vendor.url}/v3/suppression/unsubscribes?limit=1\n")
    assert KEY not in shown.out
    assert vendor.calls == []
    done = desk.ledger("outbox", "test", "newsletter")
    assert (done.status, done.out) == (0, "platform newsletter: HTTP 200 OK: it accepted us\n")
    assert desk.ledger("outbox", "test", "newsletter", "--json").rows == [
        {"target": "newsletter", "ok": True, "answer": "HTTP 200 OK"}
    ]
    assert vendor.listed == set()


@pytest.mark.parametrize(("answer", "mend"), [
    (Answer(401, {"errors": []}), "check its key"),
    (Answer(403, {"errors": []}), "the rights that the page on sendgrid names"),
    (Answer(404, {"errors": []}), "check url"),
    (Answer(200, body=b"<html>", headers={"content-type": "text/html"}), "not the API of a sendgrid"),
    (Answer(500), "trouble of its own"),
    (Answer(disconnect=True), "reachable from here"),
])
def test_a_platform_that_would_not_let_us_work_is_told_with_the_mend(
    desk: Program, vendor: Dated, answer: Answer, mend: str
) -> None:
    vendor.always(answer)
    done = desk.ledger("outbox", "test", "newsletter")
    assert done.status == 1
    assert done.complaint.startswith("bounce-watcher: platform newsletter: ")
    assert mend in done.complaint
    check = next(row for row in desk.ledger("doctor", "--json").rows if row["name"] == "platform newsletter")
    assert check["ok"] is False
    assert mend in check["mend"]


def test_the_doctor_makes_a_harmless_call(desk: Program, vendor: Dated) -> None:
    check = next(row for row in desk.ledger("doctor", "--json").rows if row["name"] == "platform newsletter")
    assert check == {
        "name": "platform newsletter", "ok": True, "detail": "sendgrid: HTTP 200 OK; its list can be read",
        "mend": None,
    }
    assert [call.method for call in vendor.calls] == ["GET"]


def test_one_item_is_shown_with_what_would_be_sent(program: Program, vendor: Dated) -> None:
    webhook = program.config.read_text().partition("[[webhook]]")[2].partition("[service]")[0]
    desk = configured(program, vendor, f"[[webhook]]{webhook}")
    suppress(desk, USER)
    ids = {row["target"]: row["id"] for row in desk.ledger("outbox", "list", "--json").rows}
    shown = desk.ledger("outbox", "show", ids["newsletter"])
    assert f"POST {vendor.url}/v3/asm/suppressions/global" in shown.out
    assert f'{{"recipient_emails":["{USER}"]}}' in shown.out
    assert "state: due" in shown.out
    assert KEY not in shown.out
    assert vendor.calls == []
    (row,) = desk.ledger("outbox", "show", ids["platform"], "--json").rows
    assert re.search(rf"webhook-id: {ids['platform']}\n", row["request"])
    assert "webhook-signature: …" in row["request"]
    assert json.loads(row["request"].splitlines()[-1])["data"]["recipient"] == USER
    assert desk.ledger("outbox", "show", "msg_none").status == 1


def test_one_item_is_shown_with_its_tries(desk: Program, vendor: Dated) -> None:
    suppress(desk, USER)
    poll(desk)
    (item,) = desk.ledger("outbox", "list", "--json").rows
    (row,) = desk.ledger("outbox", "show", item["id"], "--json").rows
    ((tried),) = row["tries"]
    assert (tried["number"], tried["disposition"], tried["next_at"]) == (1, "delivered", None)
    assert tried["took_ms"] >= 0
    shown = desk.ledger("outbox", "show", item["id"]).out.splitlines()
    heading = shown.index("number\tat\ttook_ms\tdisposition\tnext_at\tanswer")
    assert shown[heading + 1].split("\t")[3::2] == ["delivered", tried["answer"]]


def test_one_item_of_which_nothing_is_left_to_send(desk: Program, vendor: Dated) -> None:
    suppress(desk, USER)
    poll(desk)
    (row,) = desk.ledger("outbox", "list", "--json").rows
    assert desk.ledger("forget", USER).status == 0
    assert "nothing would be sent: what it told was erased" in desk.ledger("outbox", "show", row["id"]).out
    desk.config.write_text(desk.config.read_text().partition("[[platform]]")[0])
    assert "is named newsletter any more" in desk.ledger("outbox", "show", row["id"]).out


def test_one_item_for_which_a_kind_makes_no_call(desk: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sendgrid.SendGrid, "suppress", lambda *_: iter(()))
    suppress(desk, USER)
    (row,) = desk.ledger("outbox", "list", "--json").rows
    assert "nothing would be sent: a sendgrid is asked nothing" in desk.ledger("outbox", "show", row["id"]).out


def test_retry_and_discard_know_platforms(desk: Program) -> None:
    suppress(desk, USER)
    assert "1 item discarded" in desk.ledger("outbox", "discard", "--target", "newsletter").out
    done = desk.ledger("outbox", "retry", "--target", "newsletter", "--state", "discarded")
    assert done.out == "1 item due again, for the next poll to send\n"
    assert desk.ledger("outbox", "retry", "--target", "nobody").status == 2
    assert "uses no signatures" in desk.ledger("outbox", "public-key", "newsletter").complaint


def test_a_poll_and_the_summary_name_platforms(desk: Program, vendor: Dated) -> None:
    suppress(desk, USER)
    assert "platform newsletter: 1 delivered, 0 to be tried again, 0 dead" in poll(desk).out
    rows = [json.loads(line) for line in desk.ledger("poll", "--json").out.splitlines()]
    assert rows[-1]["platform"] == "newsletter"
    told = desk.ledger("check-config").out
    assert f"platform newsletter: sendgrid at {vendor.url}, gets all streams" in told
    assert KEY not in told


def test_an_import_by_the_platform_is_told_apart_in_the_course(desk: Program) -> None:
    settings = load(desk.config, {})
    with Ledger.connect(settings.database_url.get_secret_value()) as ledger:
        ledger.upgrade()
        now = datetime.now(UTC)
        for source in (SuppressionSource.PLATFORM, SuppressionSource.IMPORT):
            ledger.suppressions.adopt([Suppression(
                f"{source}@example.org", "news", State.SUPPRESSED, Reason.INVALID_RECIPIENT, now, ByPerson("there"),
                source, BounceType.HARD,
            )], now, lambda _: ())
        assert [step.by.value for source in ("platform", "import")
                for step in ledger.history.course(f"{source}@example.org", "news")] == ["platform", "person"]
        assert not [item for item in ledger.lists.outbox() if item.state is OutboxState.DUE]
