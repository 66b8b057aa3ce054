"""kind = "http": what is asked for by templates and how their answers are read; the rest is in test_contract.py."""

import contextlib
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.change import COLUMNS, Change, change_of
from bounce_watcher.outbox.platform_channel import PlatformChannel
from tests.docs.pages import blocks
from tests.families import for_each
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.outbox.platforms.vendor import Answer, Call, Vendor, serving

USER = "user+tag@example.org"
CALLS = 'suppress_call = "POST /block"\nrelease_call = "POST /unblock"\n'


class Yes(Vendor):
    """Takes everything, and keeps what it was asked."""

    kind = "http"

    def keys(self, key: str = "") -> str:
        return ""

    def handle(self, call: Call) -> Answer:
        return Answer(200, {"status": {"code": 1, "done": True}})


@pytest.fixture
def there() -> Iterator[Vendor]:
    with serving(Yes()) as it:
        yield it


@contextlib.contextmanager
def desk_for(there: Vendor, folder: Path, keys: str) -> Iterator[Desk]:
    with desk_of(configuration("http", keys, there.url, folder, more="rate = 1000.0")) as desk:
        yield desk


def asked(there: Vendor, folder: Path, keys: str, *, release: bool = False) -> Call:
    """The one call that a change comes to."""
    with desk_for(there, folder, keys) as desk:
        desk.suppress(USER)
        if release:
            desk.send()
            there.calls.clear()
            desk.release(USER)
        desk.send()
        assert desk.states() == {OutboxState.DELIVERED}
    (call,) = there.calls
    return call


# ── what is asked ───────────────────────────────────────────────────────────────────────────────────────────────────

def test_the_json_is_filled_in_and_keeps_numbers_and_nulls(there: Vendor, tmp_path: Path) -> None:
    call = asked(there, tmp_path, CALLS + '''
suppress_json = [
  { email = "{{ recipient }}", note = "{{ because }}: {{ reason }}", number = "{{ sequence }}" },
  { status = "{{ status }}", since = "{{ at | unix }}", flag = true, factor = 1.5, deep = { x = ["{{ action }}", 1] } },
]
release_json = { email = "{{ recipient }}" }
''')
    assert (call.method, call.target) == ("POST", "/block")
    assert call.headers["content-type"] == "application/json"
    first, second = call.json
    assert isinstance(second.pop("since"), int)
    assert isinstance(first.pop("number"), int)
    assert first == {"email": USER, "note": "1 of 1: invalid_recipient"}
    assert second == {"status": None, "flag": True, "factor": 1.5, "deep": {"x": ["suppress", 1]}}


def test_a_form_is_filled_in(there: Vendor, tmp_path: Path) -> None:
    call = asked(there, tmp_path, CALLS + '''
suppress_json = { email = "{{ recipient }}" }
release_form = { email = "{{ recipient }}", "what for" = "a&b=c {{ action }}" }
''', release=True)
    assert call.target == "/unblock"
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert call.form == {"email": [USER], "what for": ["a&b=c release"]}


@pytest.mark.parametrize(
    ("keys", "header", "value"),
    [
        ('bearer = "s3cret"', "authorization", "Bearer s3cret"),
        ('basic_user = "bounces"\nbasic_password = "pass:wörd"', "authorization", "Basic Ym91bmNlczpwYXNzOnfDtnJk"),
        ('secret_header = "X-Api-Key"\nsecret = "s3cret"', "x-api-key", "s3cret"),
        ('headers = { "X-Stream" = "{{ stream }}/{{ sequence | cut(0) }}" }', "x-stream", "news/"),
    ],
)
def test_who_we_are_stands_in_a_header(there: Vendor, tmp_path: Path, keys: str, header: str, value: str) -> None:
    body = 'suppress_json = { e = "{{ recipient }}" }\nrelease_json = { e = "{{ recipient }}" }\n'
    assert asked(there, tmp_path, CALLS + body + keys).headers[header] == value


def test_a_secret_in_a_body_is_sent_and_never_shown(there: Vendor, tmp_path: Path) -> None:
    keys = CALLS + '''secret = "s3cret-of-ours"
suppress_json = { key = "{{ secret }}", email = "{{ recipient }}" }
release_form = { key = "{{secret}}", email = "{{ recipient }}" }
'''
    with desk_for(there, tmp_path, keys) as desk:
        desk.suppress(USER)
        items = desk.items()
        shown = desk.platform.rehearse([change_of(item) for item in items], now())
        assert json.loads(shown.rpartition("\n")[2]) == {"key": "…", "email": USER}
        there.then(Answer(403, {"message": "s3cret-of-ours may not"}))
        desk.send()
        assert there.calls[-1].json == {"key": "s3cret-of-ours", "email": USER}
        seen = f"{desk.items()} {desk.platform} {desk.settings}"
        assert "s3cret-of-ours" not in seen
        desk.hurry()
        desk.send()
        desk.release(USER)
        desk.send()
        assert there.calls[-1].form["key"] == ["s3cret-of-ours"]


@pytest.mark.parametrize("address", ["..", "."])
def test_dots_lead_nowhere(there: Vendor, tmp_path: Path, address: str) -> None:
    keys = 'suppress_call = "PUT /a/{{ recipient }}"\nrelease_call = "DELETE /a/{{ recipient }}/block"'
    with desk_for(there, tmp_path, keys) as desk:
        desk.suppress(address)
        assert desk.platform.rehearse([change_of(item) for item in desk.items()], now()) == (
            "nothing: not sent: a part of the path would be dots"
        )
        desk.send()
        assert desk.states() == {OutboxState.DEAD}
    assert there.calls == []


def test_what_is_not_known_of_a_change_leaves_no_hole_in_an_address(there: Vendor, tmp_path: Path) -> None:
    keys = 'suppress_call = "DELETE /of/{{ recipient }}/{{ status }}"\nrelease_call = "PUT /of/{{ recipient }}"'
    with desk_for(there, tmp_path, keys) as desk:
        desk.suppress(USER)
        desk.send()
        (item,) = desk.items()
        assert item.state is OutboxState.DEAD
        assert item.last_answer == "not sent: a value that stands in the address is empty"
    assert there.calls == []


def test_a_value_that_no_header_holds_is_refused_alone(there: Vendor, tmp_path: Path) -> None:
    keys = ('suppress_call = "PUT /of/{{ recipient }}"\nrelease_call = "PUT /of/{{ recipient }}"\n'
            'headers = { "X-Who" = "{{ recipient }}" }')
    with desk_for(there, tmp_path, keys) as desk:
        desk.suppress(USER, "grüße@example.org")
        desk.send()
        assert {item.recipient: item.state for item in desk.items()} == {
            USER: OutboxState.DELIVERED, "grüße@example.org": OutboxState.DEAD,
        }


# ── how answers are read ────────────────────────────────────────────────────────────────────────────────────────────

PAGE = Answer(200, body=b"<html>done</html>", headers={"content-type": "text/html"})


@pytest.mark.parametrize(
    ("keys", "answer", "state"),
    [
        ("", Answer(204), OutboxState.DELIVERED),
        ("", PAGE, OutboxState.DUE),
        ("", Answer(409), OutboxState.DUE),
        ("", Answer(404), OutboxState.DUE),
        ("", Answer(410), OutboxState.DUE),
        ("", Answer(400), OutboxState.DEAD),
        ("ok_status = [200]", Answer(204), OutboxState.DUE),
        ("ok_status = [200, 409]", Answer(409), OutboxState.DELIVERED),
        ("refused_status = [409]", Answer(409), OutboxState.DEAD),
        ("refused_status = [409]", Answer(400), OutboxState.DUE),
        ("absent_status = [404]", Answer(404), OutboxState.DUE),  # it is said of releases
        ('ok_text = "done"', PAGE, OutboxState.DELIVERED),
        ('ok_text = "done"', Answer(200, {"error": "no"}), OutboxState.DUE),
        ('ok_field = "status.code"', Answer(200, {"status": {"code": 0}}), OutboxState.DELIVERED),
        ('ok_field = "status.code"', Answer(200, {"status": {"code": False}}), OutboxState.DUE),
        ('ok_field = "status.code"', Answer(200, {"status": 7}), OutboxState.DUE),
        ('ok_field = "status.code"', Answer(200, [1]), OutboxState.DUE),
        ('ok_field = "code"\nok_value = "0"', Answer(200, {"code": 0}), OutboxState.DELIVERED),
        ('ok_field = "code"\nok_value = "0"', Answer(200, {"code": 12}), OutboxState.DUE),
        ('ok_field = "code"\nok_value = "true"', Answer(200, {"code": True}), OutboxState.DELIVERED),
        ('ok_field = "code"\nok_value = "true"', Answer(200, body=b"{"), OutboxState.DUE),
    ],
)
def test_what_an_answer_means(there: Vendor, tmp_path: Path, keys: str, answer: Answer, state: OutboxState) -> None:
    calls = 'suppress_call = "PUT /of/{{ recipient }}"\nrelease_call = "PUT /of/{{ recipient }}"\n'
    with desk_for(there, tmp_path, calls + keys) as desk:
        there.always(answer)
        desk.suppress(USER)
        desk.send()
        assert desk.states() == {state}


def test_absent_is_what_the_operator_says_it_is(there: Vendor, tmp_path: Path) -> None:
    calls = ('suppress_call = "PUT /of/{{ recipient }}"\nrelease_call = "DELETE /of/{{ recipient }}"\n'
             "absent_status = [404]\nrefused_status = []")
    with desk_for(there, tmp_path, calls) as desk:
        desk.suppress(USER)
        desk.send()
        desk.release(USER)
        there.always(Answer(404))
        desk.send()
        assert desk.states() == {OutboxState.DELIVERED}
        assert desk.items()[-1].last_answer == "HTTP 404 Not Found (was not on the list)"


@pytest.mark.parametrize(("status", "good"), [(200, True), (404, True), (401, False), (403, False), (500, False)])
def test_without_a_check_it_is_asked_whether_it_is_there(
    there: Vendor, tmp_path: Path, status: int, good: bool
) -> None:
    calls = 'suppress_call = "PUT /of/{{ recipient }}"\nrelease_call = "PUT /of/{{ recipient }}"\n'
    with desk_for(there, tmp_path, calls) as desk:
        there.always(Answer(status))
        channel = PlatformChannel(desk.platform)
        assert (channel.test(now()).disposition == "delivered") is good
        channel.close()
    assert [call.method for call in there.calls] == ["GET"]


# ── the configuration ───────────────────────────────────────────────────────────────────────────────────────────────

GOOD = {
    "url": '"https://api.example.com"',
    "suppress_call": '"PUT /a/{{ recipient }}"',
    "release_call": '"DELETE /a/{{ recipient }}"',
}
NO_LOOPS = "a template is made of values, filters, ~, comparisons and {% if %}"


@for_each(
    ("changed", "problem"),
    [
        ({"url": None}, 'url: missing: kind = "http" needs it: add url = "https://api.example.com/v1"'),
        ({"url": '"https://api.example.com/?a=b"'}, "url: holds a query: write it into each call, behind its path"),
        ({"suppress_call": None}, 'suppress_call: missing: add suppress_call = "PUT /blocked/{{ recipient }}"'),
        ({"suppress_call": '"/a/{{ recipient }}"'},
         'suppress_call: must be a method and a path, such as "PUT /blocked/{{ recipient }}"'),
        ({"suppress_call": '"PUT https://other.example.com/{{ recipient }}"'},
         'suppress_call: must be a method and a path, such as "PUT /blocked/{{ recipient }}"'),
        ({"suppress_call": '"PUT /a/b"'},
         'suppress_call: nothing of it holds "{{ recipient }}": it would do the same for everybody'),
        ({"suppress_call": '"PUT /a b/{{ recipient }}"'},
         'suppress_call: holds what no address can: write a space as %20, # as %23, "ü" as %C3%BC'),
        ({"suppress_call": '"PUT /a/{{ recipiend }}"'},
         "suppress_call: holds the unknown value recipiend; there are " + ", ".join(COLUMNS)),
        ({"suppress_call": '"PUT /a/{{ recipient }}?key={{ secret }}"', "secret": '"x"', "secret_header": '"X-Key"'},
         'suppress_call: a secret stands alone in a value of a body, "{{ secret }}", and in no address'),
        ({"suppress_call": '"PUT /{% for a in recipient %}{{ a }}{% endfor %}"'},
         f"suppress_call: holds {{% for %}}: {NO_LOOPS}"),
        ({"suppress_call": '"GET /a/{{ recipient }}"', "suppress_json": "{ a = 1 }"},
         "suppress_call: GET has no body: use another method, or put the values into the path"),
        ({"suppress_json": '{ a = "{{ range(9) }}" }'}, f"suppress_json: holds a call: {NO_LOOPS}"),
        ({"suppress_json": '{ "{{ recipient }}" = 1 }'},
         "suppress_json: holds a template in the name of a field: only values can be templates"),
        ({"suppress_json": "{ a = 2026-01-01 }"}, "suppress_json: holds a date or time: write it as text in quotes"),
        ({"suppress_json": "[" * 20 + "]" * 20}, "suppress_json: is nested deeper than 16"),
        ({"suppress_json": "{ a = 1 }", "suppress_form": '{ a = "b" }'},
         "suppress_form: stands beside suppress_json: a call has one body, keep one of them"),
        ({"release_json": '{ a = "{{ recipient | cut(\'x\') }}" }'},
         "release_call: the template can't be filled in: invalid literal for int() with base 10: 'x'"),
        ({"check_call": '"GET /{{ recipient }}"'},
         "check_call: holds the unknown value recipient; a check has no recipient and no values"),
        ({"basic_user": '"a"'}, "basic_password: missing: basic_user and basic_password go together"),
        ({"basic_password": '"a"'}, "basic_user: missing: basic_user and basic_password go together"),
        ({"basic_user": '"a:b"', "basic_password": '"a"'},
         "basic_user: holds a colon, which ends the user's name (RFC 7617)"),
        ({"bearer": '"a"', "basic_user": '"a"', "basic_password": '"a"'},
         "bearer: stands beside basic_user: both would be the Authorization, keep one of them"),
        ({"secret_header": '"X-Key"'}, "secret: missing: secret_header needs it"),
        ({"secret": '"x"'},
         'secret: is used nowhere: add secret_header = "X-Api-Key", or put "{{ secret }}" into a body'),
        ({"secret_header": '"X Key"', "secret": '"a"'},
         'secret_header: holds a name that no header can have: leave out the colon, as in "X-Api-Key"'),
        ({"headers": '{ Authorization = "Bearer x" }'},
         "headers: Authorization holds a secret: use bearer, basic_user or secret_header"),
        ({"headers": '{ Host = "x" }'}, "headers: Host is set by whoever sends the request: take it out"),
        ({"ok_status": "[500]"}, "ok_status: 500 is out of range: from 200 to 499"),
        ({"ok_status": "[200, 400]"}, "ok_status: 400 stands in refused_status as well: keep one of them"),
        ({"ok_status": '["200"]'}, "ok_status: must be a whole number without quotes, not text"),
        ({"ok_value": '"a"'}, "ok_value: needs ok_field, which says where it stands"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(changed: dict[str, str | None], problem: str) -> None:
    lines = [f"{key} = {value}" for key, value in (GOOD | changed).items() if value is not None]
    with pytest.raises(ConfigError) as error:
        parse('[[platform]]\nname = "own"\nkind = "http"\n' + "\n".join(lines), "config.toml", {})
    (found,) = error.value.problems
    assert found.partition("platform[own].")[2] == problem


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────

PAGE_TEXT = (Path(__file__).parents[3] / "bounce_watcher/outbox/platforms/http.md").read_text()
EXAMPLES = {tomllib.loads(block.text)["platform"][0]["name"]: block.text for block in blocks(PAGE_TEXT, "toml")}


@pytest.mark.parametrize(
    ("name", "suppress", "release"),
    [
        ("customerio", ["POST https://api.customer.io/v1/esp/suppression/bounces/user%2Btag%40example.org",
                        "authorization: …"],
         ["DELETE https://api.customer.io/v1/esp/suppression/bounces/user%2Btag%40example.org", "authorization: …"]),
        ("smtp2go", ["POST https://api.smtp2go.com/v3/suppression/add", "content-type: application/json",
                     "x-smtp2go-api-key: …", "",
                     '{"email_address":"user+tag@example.org","block_description":"invalid_recipient"}'],
         ["POST https://api.smtp2go.com/v3/suppression/remove", "content-type: application/json",
          "x-smtp2go-api-key: …", "", '{"email_address":"user+tag@example.org"}']),
        ("hubspot", ["POST https://api.hubapi.com/communication-preferences/v4/statuses/user%2Btag%40example.org/"
                     "unsubscribe-all?channel=EMAIL", "authorization: …"],
         ["POST https://api.hubapi.com/communication-preferences/v4/statuses/user%2Btag%40example.org",
          "authorization: …", "content-type: application/json", "",
          '{"channel":"EMAIL","statusState":"SUBSCRIBED","subscriptionId":1234567,"legalBasis":'
          '"LEGITIMATE_INTEREST_OTHER","legalBasisExplanation":"asked for"}']),
        ("shop", ["POST https://shop.example.com/mail/block.php", "content-type: application/x-www-form-urlencoded", "",
                  "key=%E2%80%A6&id=d87892681f2bf3dde2d5e0e1f5174131&since=1795681800"],
         ["POST https://shop.example.com/mail/unblock.php", "content-type: application/x-www-form-urlencoded", "",
          "key=%E2%80%A6&id=d87892681f2bf3dde2d5e0e1f5174131"]),
    ],
)
def test_what_the_examples_of_the_page_ask(name: str, suppress: list[str], release: list[str], tmp_path: Path) -> None:
    for file in re.findall(r'_file = "(.*)"', EXAMPLES[name]):
        (tmp_path / file).write_text("s3cret")
        (tmp_path / file).chmod(0o600)
    (platform,) = parse(EXAMPLES[name], "config.toml", {}, tmp_path).platforms
    at = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
    stopped = Change("msg_1", USER, "news", suppress=True, at=at, bounce_type="hard", reason="invalid_recipient",
                     because="1 of 1")
    freed = Change("msg_2", USER, "news", suppress=False, at=at, because="asked for")
    assert platform.rehearse([stopped], now()).splitlines() == suppress
    assert platform.rehearse([freed], now()).splitlines() == release


def test_the_page_shows_four() -> None:
    assert set(EXAMPLES) == {"customerio", "smtp2go", "hubspot", "shop"}
