"""Amazon SES: signatures, reasons, the sandbox, and an account that stops no mail to who is listed."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pydantic import SecretStr

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import Attempt, Disposition, OutboxState
from bounce_watcher.outbox.change import Change
from bounce_watcher.outbox.http.exchange import Request
from bounce_watcher.outbox.platform import Listed
from bounce_watcher.outbox.platform_channel import PlatformChannel, connect
from bounce_watcher.outbox.platforms.ses import AwsKeys, signed
from bounce_watcher.outbox.platforms.ses import Ses as SesPlatform
from tests.outbox.platforms.desk import Desk, now
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.ses import ACCESS_KEY, REGION, TOKEN, Ses

USER = "user@example.org"
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


vendor = vendor_fixture(Ses)


def checked(desk: Desk) -> Attempt:
    channel = PlatformChannel(desk.platform)
    try:
        return channel.test(now())
    finally:
        channel.close()


def wire(request: Request) -> dict[str, str]:
    return request.wire_headers()


# ── how much at once ────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(("rate", "slots"), [(None, 2), (50.0, 8)])
def test_who_is_allowed_more_calls_a_second_makes_more_at_once_for_each_takes_its_time(
    rate: float | None, slots: int
) -> None:
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": SecretStr("k"), "session_token": SecretStr("t")}
    channel = PlatformChannel(SesPlatform(name="ses", region=REGION, rate=rate, **keys))  # type: ignore[arg-type]
    with closing(channel):
        assert channel.slots == slots


# ── the signature ───────────────────────────────────────────────────────────────────────────────────────────────────

def test_the_example_that_aws_publishes() -> None:
    """`get-vanilla` of its test suite for Signature Version 4."""
    keys = AwsKeys("AKIDEXAMPLE", SecretStr("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
    at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    assert wire(signed(Request("GET", "https://example.amazonaws.com/"), keys, "us-east-1", "service", at)) == {
        "x-amz-date": "20150830T123600Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                         "SignedHeaders=host;x-amz-date, "
                         "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    }


@pytest.mark.parametrize("request_", [
    Request("PUT", "https://email.eu-central-1.amazonaws.com/v2/email/suppression/addresses", document={"a": "ü"}),
    Request("DELETE", "https://email.eu-central-1.amazonaws.com/v2/email/suppression/addresses/a%2Bb%25%2F%40example"),
    Request("GET", "http://127.0.0.1:8080/v2/email/suppression/addresses?PageSize=1&NextToken=%2B%2F%3D~"),
])
def test_it_signs_as_botocore_itself_does_at_that_moment(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOON.replace(tzinfo=None))
    theirs = AWSRequest(request_.method, request_.url, request_.wire_headers(), request_.body())
    botocore.auth.SigV4Auth(Credentials(ACCESS_KEY, "secret", "token"), "ses", REGION).add_auth(theirs)
    ours = signed(request_, AwsKeys(ACCESS_KEY, SecretStr("secret"), SecretStr("token")), REGION, "ses", NOON)
    assert wire(ours) == {name.lower(): value for name, value in theirs.headers.items()}


def test_a_signature_is_of_the_moment_that_is_passed_in_whatever_its_zone() -> None:
    keys, request = AwsKeys(ACCESS_KEY, SecretStr("secret")), Request("GET", "https://example.amazonaws.com/")

    def at(moment: datetime) -> dict[str, str]:
        return wire(signed(request, keys, REGION, "ses", moment))

    assert at(NOON) == at(NOON.astimezone(tz=datetime.fromisoformat("2026-11-26T00:00:00+09:00").tzinfo))
    assert at(NOON) != at(NOON + timedelta(seconds=1))


def test_a_clock_that_is_wrong_is_no_fault_of_the_address(desk: Desk, vendor: Ses) -> None:
    desk.suppress(USER)
    (item,) = desk.items()
    change = Change(item.id, USER, "news", suppress=True, at=now())
    session = connect(desk.platform)
    try:
        (outcome,) = session.suppress([change], now() - timedelta(hours=1))
    finally:
        session.close()
    assert outcome.fate == "later"
    assert outcome.whole
    assert not vendor.listed


# ── what it is told ─────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(("reason", "word"), [
    ("complaint", "COMPLAINT"), ("invalid_recipient", "BOUNCE"), ("mailbox_full", "BOUNCE"), (None, "BOUNCE"),
])
def test_a_complaint_is_one_there_and_all_else_a_bounce(desk: Desk, vendor: Ses, reason: str | None, word: str) -> None:
    session = connect(desk.platform)
    try:
        change = Change("msg_1", USER, "news", suppress=True, at=now(), reason=reason)
        assert [outcome.fate for outcome in session.suppress([change], now())] == ["done"]
        (entry,) = session.page(None, now()).entries
    finally:
        session.close()
    assert vendor.reasons == {USER: word}
    assert entry == Listed(USER, word, datetime(2025, 10, 9, 8, 53, 20, 250_000, tzinfo=UTC))


def test_in_the_sandbox_no_address_is_to_blame(desk: Desk, vendor: Ses) -> None:
    vendor.sandbox = True
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    assert item.state is OutboxState.DUE
    assert "sandbox" in (item.last_answer or "")
    vendor.sandbox = False
    desk.hurry()
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}


def test_a_404_that_is_not_of_ses_releases_nobody(desk: Desk, vendor: Ses) -> None:
    vendor.listed.add(USER)
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.always(Answer(404, {"message": "no route"}))
    desk.send()
    assert desk.items()[-1].state is OutboxState.DUE


# ── looking at it ───────────────────────────────────────────────────────────────────────────────────────────────────

def heeds(*reasons: str) -> Callable[[Ses], None]:
    return lambda vendor: setattr(vendor, "heeded", list(reasons))


def sandboxed(vendor: Ses) -> None:
    vendor.sandbox = True


def never_set(vendor: Ses) -> None:
    vendor.heeded = None


@pytest.mark.parametrize(("change", "words"), [
    (heeds("BOUNCE"), "listed for COMPLAINT: add"),
    (heeds("COMPLAINT"), "listed for BOUNCE: add"),
    (heeds(), "listed for BOUNCE or COMPLAINT: add"),
    (never_set, "listed for BOUNCE or COMPLAINT: add"),
    (sandboxed, "sandbox"),
])
def test_a_check_tells_of_an_account_where_the_list_stops_nothing(
    desk: Desk, vendor: Ses, change: Callable[[Ses], None], words: str
) -> None:
    assert checked(desk).disposition is Disposition.DELIVERED
    change(vendor)
    attempt = checked(desk)
    assert attempt.disposition is not Disposition.DELIVERED
    assert words in attempt.answer


def test_without_the_right_to_read_the_account_a_check_says_what_it_could_not_see(desk: Desk, vendor: Ses) -> None:
    vendor.then(
        Answer(200, {"SuppressedDestinationSummaries": []}),
        Answer(403, {"message": "not authorized"}, {"x-amzn-errortype": "AccessDeniedException"}),
    )
    attempt = checked(desk)
    assert attempt.disposition is Disposition.DELIVERED
    assert "grant ses:GetAccount" in attempt.answer


# ── its keys ────────────────────────────────────────────────────────────────────────────────────────────────────────

def table(**keys: str) -> str:
    given = {"region": REGION, "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret", **keys}
    lines = [f'{name} = "{value}"' for name, value in given.items() if value]
    return "\n".join(['[[platform]]', 'name = "ses"', 'kind = "ses"', *lines])


def test_the_endpoint_is_that_of_its_region_unless_a_url_is_given() -> None:
    def url(text: str) -> str:
        (platform,) = parse(text, "config.toml", {}).platforms
        assert isinstance(platform, SesPlatform)
        return platform.url

    assert url(table(region="us-gov-west-1")) == "https://email.us-gov-west-1.amazonaws.com"
    fips = "https://email-fips.us-east-1.amazonaws.com"
    assert url(f'{table()}\nurl = "{fips}"') == fips


@pytest.mark.parametrize(("text", "problem"), [
    (table(region=""), 'line 1: platform[ses].region: missing: add region = "eu-central-1"'),
    (table(region="Frankfurt"), "line 4: platform[ses].region: is no AWS region: write it like eu-central-1"),
    (table(region="eu-central-1.evil.example/"),
     "line 4: platform[ses].region: is no AWS region: write it like eu-central-1"),
    (table(access_key_id="my key"), "line 5: platform[ses].access_key_id: is no access key ID: it has 16 or more "
                                    "letters and digits, such as AKIA…"),
    (table(access_key_id=ACCESS_KEY), "line 5: platform[ses].access_key_id: ASIA… is of temporary credentials: add "
                                      "their session_token"),
])
def test_what_can_not_work_is_refused_in_one_line(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, "config.toml", {})
    assert error.value.problems == (problem,)


def test_temporary_credentials_have_their_token() -> None:
    (platform,) = parse(table(access_key_id=ACCESS_KEY, session_token=TOKEN), "config.toml", {}).platforms
    assert platform.secrets() == {"secret", TOKEN}
