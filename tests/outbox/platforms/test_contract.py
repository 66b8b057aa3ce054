"""What every platform over HTTP keeps to, whatever the vendor answers: nothing lost, nothing wiped, nobody misled."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bounce_watcher.model.ledger import Actor, OutboxItem, OutboxState
from bounce_watcher.outbox.change import change_of
from bounce_watcher.outbox.platform import HttpPlatform
from bounce_watcher.outbox.platform_channel import PlatformChannel, connect
from bounce_watcher.outbox.platforms import kinds, platform_class
from tests.outbox.platforms.conftest import ARCHETYPES, VENDORS
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.outbox.platforms.vendor import Answer, Vendor

FOLDER = Path(__file__).parents[3] / "bounce_watcher" / "outbox" / "platforms"

USER = "user@example.org"
ADDRESSES = (
    USER,
    "first.last+tag@example.org",
    "o'neil@example.org",
    "100%/sure&so=on@example.org",
    "question?#mark@example.org",
    "=ceo@example.org",
    "x|ceo{`*^~@example.org",
    "+40@example.org",
)
QUOTED = '"a  b;:<c>"@example.org'
"""Characters that an address may hold (RFC 5322 section 3.2.3) and that mean something in a URL."""

PAGE = Answer(200, body=b"<html><body>Please log in</body></html>", headers={"content-type": "text/html"})
JUNK = Answer(200, {"hello": "world"})


def test_every_kind_over_http_has_a_vendor_and_every_kind_a_page() -> None:
    over_http = {kind for kind in kinds() if issubclass(platform_class(kind), HttpPlatform)}
    assert over_http == set(VENDORS)
    for kind in kinds():
        assert platform_class(kind).kind == kind
        page = (FOLDER / f"{kind}.md").read_text()
        assert f'kind = "{kind}"' in page


def suppressed(desk: Desk, vendor: Vendor, *addresses: str) -> None:
    """They stand on the vendor's list by now, and nothing waits."""
    vendor.prepare(*addresses)
    desk.suppress(*addresses)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert vendor.listed >= {address.lower() for address in addresses}


# ── what it is for ──────────────────────────────────────────────────────────────────────────────────────────────────

def test_who_is_suppressed_stands_on_the_list_there_and_who_is_released_does_not(desk: Desk, vendor: Vendor) -> None:
    suppressed(desk, vendor, *ADDRESSES, QUOTED)
    desk.release(*ADDRESSES, QUOTED)
    desk.send(rounds=2)
    assert desk.states() == {OutboxState.DELIVERED}
    assert not vendor.listed & {*ADDRESSES, QUOTED}


def test_the_same_once_more_changes_nothing_and_is_no_failure(desk: Desk, vendor: Vendor) -> None:
    suppressed(desk, vendor, USER)
    desk.ledger.outbox.retry(Actor("jo", now()), target="newsletter", state=OutboxState.DELIVERED)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert USER in vendor.listed


def test_who_is_not_on_the_list_is_released_already(desk: Desk, vendor: Vendor) -> None:
    suppressed(desk, vendor, USER)
    vendor.listed.discard(USER)
    desk.release(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert USER not in vendor.listed


def test_what_was_taken_back_before_it_was_sent_leaves_nobody_on_the_list(desk: Desk, vendor: Vendor) -> None:
    vendor.prepare(USER)
    desk.suppress(USER)
    desk.release(USER)
    desk.send()
    assert USER not in vendor.listed
    assert OutboxState.DUE not in desk.states()


def test_many_arrive_in_calls_of_the_size_that_it_takes(desk: Desk, vendor: Vendor) -> None:
    many = tuple(f"user{number:04}@example.org" for number in range(60))
    suppressed(desk, vendor, *many)


def test_an_address_that_it_never_takes_is_told_and_holds_up_nobody(desk: Desk, vendor: Vendor) -> None:
    if vendor.refuses is None:
        pytest.skip(f"{vendor.kind} takes every address")
    others = tuple(f"user{number}@example.org" for number in range(9))
    vendor.prepare(vendor.refuses, *others)
    desk.suppress(*others[:4], vendor.refuses, *others[4:])
    desk.send(rounds=3)
    (dead,) = desk.items(OutboxState.DEAD)
    assert dead.recipient == vendor.refuses
    assert dead.last_answer
    assert len(desk.items(OutboxState.DELIVERED)) == len(others)
    assert vendor.listed >= set(others)


def test_a_release_that_it_forbids_is_told_and_never_tried_again(desk: Desk, vendor: Vendor) -> None:
    if vendor.keeps is None:
        pytest.skip(f"{vendor.kind} forbids no release")
    suppressed(desk, vendor, vendor.keeps)
    desk.release(vendor.keeps)
    desk.send()
    assert [item.state for item in desk.items()] == [OutboxState.DELIVERED, OutboxState.DEAD]
    assert vendor.keeps in vendor.listed
    calls = len(vendor.calls)
    desk.send()
    assert len(vendor.calls) == calls


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(500, {"error": "boom"}), id="500"),
        pytest.param(Answer(503, body=b"upstream"), id="503"),
        pytest.param(Answer(429, {"message": "slow down"}), id="429"),
        pytest.param(Answer(401, {"message": "who are you"}), id="401"),
        pytest.param(Answer(302, headers={"location": "http://127.0.0.1:9/elsewhere"}), id="redirect"),
        pytest.param(Answer(disconnect=True), id="disconnect"),
        pytest.param(PAGE, id="a web page"),
    ],
)
@pytest.mark.parametrize("suppress", [True, False], ids=["suppress", "release"])
def test_while_it_fails_all_waits_and_then_all_arrives(
    desk: Desk, vendor: Vendor, answer: Answer, suppress: bool
) -> None:
    vendor.prepare(USER)
    if not suppress:
        suppressed(desk, vendor, USER)
        desk.release(USER)
    else:
        desk.suppress(USER)
    vendor.always(answer)
    desk.send()
    *_, item = desk.items()
    assert item.state is OutboxState.DUE
    assert item.last_answer
    vendor.always(None)
    desk.hurry()
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert (USER in vendor.listed) is suppress


def test_while_it_hangs_all_waits_and_then_all_arrives(desk: Desk, vendor: Vendor) -> None:
    patient = desk.platform
    vendor.prepare(USER)
    desk.suppress(USER)
    vendor.always(Answer(hang=30))
    desk.platform = replace(patient, timeout=timedelta(seconds=0.3))
    desk.send()
    (item,) = desk.items()
    assert item.state is OutboxState.DUE
    assert "within 0.3 s" in (item.last_answer or "")
    vendor.always(None)
    desk.platform = patient
    desk.hurry()
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert USER in vendor.listed


def test_json_that_promises_nothing_is_no_success(desk: Desk, vendor: Vendor) -> None:
    if not vendor.reads_body:
        pytest.skip(f"success of {vendor.kind} is a status without a body")
    vendor.prepare(USER)
    desk.suppress(USER)
    vendor.always(JUNK)
    desk.send()
    (item,) = desk.items()
    assert item.state is OutboxState.DUE


@pytest.mark.parametrize(
    ("vendor", "which"),
    [
        pytest.param(kind, name, marks=() if kind in ARCHETYPES else pytest.mark.whole)
        for kind in sorted(VENDORS) for name in VENDORS[kind].troubles
    ],
    indirect=["vendor"],
)
def test_its_documented_refusals(desk: Desk, vendor: Vendor, which: str) -> None:
    trouble = vendor.troubles[which]
    vendor.prepare(USER)
    desk.suppress(USER)
    vendor.always(trouble.answer)
    desk.send()
    (item,) = desk.items()
    assert item.state is (OutboxState.DEAD if trouble.dead else OutboxState.DUE)
    assert item.last_answer


def test_it_is_left_alone_for_as_long_as_it_asks(desk: Desk, vendor: Vendor) -> None:
    vendor.prepare(USER, "other@example.org")
    desk.suppress(USER)
    vendor.always(Answer(429, {"message": "slow down"}, {"retry-after": "900"}))
    begin = now()
    desk.send(rounds=3)
    (item,) = desk.items()
    assert item.next_attempt_at >= begin + timedelta(seconds=900)
    assert item.attempts == 1


def test_a_wrong_key_is_about_us_and_costs_nobody_a_place_in_the_queue(vendor: Vendor, tmp_path: Path) -> None:
    settings = configuration(vendor.kind, vendor.keys("another-key"), vendor.url, tmp_path, more='rate = 1000.0')
    with desk_of(settings) as desk:
        vendor.prepare(USER)
        desk.suppress(USER)
        desk.send()
        (item,) = desk.items()
        assert item.state is OutboxState.DUE
        assert USER not in vendor.listed


# ── what it never does ──────────────────────────────────────────────────────────────────────────────────────────────

def test_no_call_could_have_wiped_a_list(desk: Desk, vendor: Vendor) -> None:
    suppressed(desk, vendor, *ADDRESSES)
    bystander = "bystander@example.org"
    vendor.listed.add(bystander)
    desk.release(*ADDRESSES)
    desk.send(rounds=2)
    assert bystander in vendor.listed
    assert not vendor.wiped


WIPING = re.compile(r"delete_all|deleteAll|[\"']all[\"']\s*:\s*True|all=true", re.IGNORECASE)


def test_no_source_knows_how_to_wipe_a_list() -> None:
    for file in FOLDER.glob("*.py"):
        assert not WIPING.search(file.read_text()), file.name


def test_secrets_are_seen_nowhere(
    desk: Desk, vendor: Vendor, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    vendor.prepare(USER)
    desk.suppress(USER)
    told = {name: value for call in vendor.calls for name, value in call.headers.items()}
    vendor.always(Answer(403, {"message": f"no rights for {' '.join(vendor.secrets())}", "headers": told}))
    desk.send()
    vendor.always(None)
    (item,) = desk.items()
    output = capfd.readouterr()
    told_of_it = (item.last_answer or "", repr(desk.settings), repr(desk.platform))
    seen = " ".join((*told_of_it, output.out, output.err, caplog.text))
    for secret in vendor.secrets():
        assert secret not in seen


def test_a_rehearsal_shows_the_call_without_secrets_and_makes_none(desk: Desk, vendor: Vendor) -> None:
    changes = [change_of(item) for item in _decided(desk)]
    shown = desk.platform.rehearse(changes, now())
    assert re.match(r"(GET|POST|PUT|PATCH|DELETE) http://127\.0\.0\.1:", shown)
    assert isinstance(desk.platform, HttpPlatform)
    command = desk.platform.first_call(changes, now()).curl()
    assert command is not None
    assert f"{command[3]} {command[5]}" == shown.splitlines()[0]
    assert not vendor.calls
    for secret in vendor.secrets():
        assert secret not in shown
        assert secret not in " ".join(command)


def _decided(desk: Desk) -> list[OutboxItem]:
    desk.suppress(USER)
    return desk.items()


# ── looking at it ───────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_check_tells_whether_it_would_let_us_work(desk: Desk, vendor: Vendor) -> None:
    channel = PlatformChannel(desk.platform)
    try:
        assert channel.test(now()).disposition == "delivered"
        assert not vendor.listed
        for answer in (Answer(403, {"message": "no"}), PAGE, Answer(disconnect=True)):
            vendor.always(answer)
            assert channel.test(now()).disposition != "delivered"
    finally:
        channel.close()


def test_its_list_is_read_to_the_end(desk: Desk, vendor: Vendor) -> None:
    if not desk.platform.lists:
        pytest.skip(f"{vendor.kind} has no list that can be read")
    many = {f"user{number:04}@example.org" for number in range(1203)}
    vendor.prepare(*many)
    vendor.listed |= many
    session, cursor, found = connect(desk.platform), None, list[str]()
    try:
        for _ in range(2000):
            page = session.page(cursor, now())
            found += [entry.address.lower() for entry in page.entries]
            cursor = page.cursor
            if cursor is None:
                break
    finally:
        session.close()
    assert sorted(found) == sorted(many)


def test_a_body_is_json_where_it_says_so(desk: Desk, vendor: Vendor) -> None:
    suppressed(desk, vendor, *ADDRESSES)
    for call in vendor.calls:
        if call.headers.get("content-type", "").startswith("application/json") and call.body:
            json.loads(call.body)
