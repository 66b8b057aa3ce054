"""Signatures: what a receiver with the `standardwebhooks` package accepts."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from bounce_watcher.outbox.signature import check_secret, signed_headers

OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
BODY = '{"type":"recipient.suppressed","data":{"diagnostic":"Postfach überfüllt"}}'


def headers(*secrets: str, now: datetime | None = None) -> dict[str, str]:
    return signed_headers("msg_1", BODY, now or datetime.now(UTC), [SecretStr(secret) for secret in secrets])


def test_a_receiver_verifies() -> None:
    assert Webhook(NEW).verify(BODY.encode(), headers(NEW))["type"] == "recipient.suppressed"


@pytest.mark.parametrize("known", [OLD, NEW])
def test_while_a_secret_rotates_either_verifies(known: str) -> None:
    both = headers(NEW, OLD)
    assert [part[:3] for part in both["webhook-signature"].split(" ")] == ["v1,", "v1,"]
    Webhook(known).verify(BODY, both)


@pytest.mark.parametrize("field", ["webhook-id", "webhook-timestamp"])
def test_what_is_signed_cannot_be_changed(field: str) -> None:
    forged = headers(NEW)
    forged[field] = forged[field][:-1] + ("1" if forged[field][-1] != "1" else "2")
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY, forged)


def test_a_time_in_another_zone_is_the_same_moment() -> None:
    """standardwebhooks 1.1.0 labels any time as UTC without converting it."""
    now = datetime.now(UTC)
    assert headers(NEW, now=now.astimezone(timezone(timedelta(hours=9)))) == headers(NEW, now=now)


def test_a_known_answer() -> None:
    """The example of the Standard Webhooks libraries."""
    secret = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', datetime.fromtimestamp(1614265330, UTC), [secret]
    )
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("size", [24, 32, 33, 64])
def test_a_good_secret_has_no_problem(size: int) -> None:
    text = "whsec_" + base64.b64encode(b"k" * size).decode()
    assert check_secret(text) is None
    assert check_secret(text.rstrip("=")) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "begins with whsec_"),
        ("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "begins with whsec_"),
        ("whsec_", "has 0 bytes"),
        ("whsec_" + base64.b64encode(b"k" * 23).decode(), "has 23 bytes"),
        ("whsec_" + base64.b64encode(b"k" * 65).decode(), "has 65 bytes"),
        ("whsec_" + "A" * 41, "not base64"),
        ("whsec_" + "A" * 40 + "-_==", "not base64"),
        ("whsec_" + "Ä" * 40, "not base64"),
        ("whsec_" + "A" * 43 + "=\n", "not base64"),
    ],
)
def test_a_bad_secret_is_told_without_being_shown(text: str, problem: str) -> None:
    told = check_secret(text)
    assert told is not None
    assert problem in told
    assert "openssl rand -base64 32" in told
    assert len(text) < 8 or text.removeprefix("whsec_") not in told
