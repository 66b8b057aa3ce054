"""Signatures: what a receiver with the `standardwebhooks` package accepts, or for ed25519 with `cryptography`."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from bounce_watcher.outbox.webhook.signature import check_secret, public_key, signed_headers
from tests.families import for_each

OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
SEED = "whsk_" + base64.b64encode(b"s" * 32).decode()
PAIR = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
"""Seed and public half, as the examples of the Standard Webhooks libraries have it."""
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


@for_each(
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


# ── ed25519 ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def verifies(public: str | None, headers: dict[str, str], body: str = BODY) -> bool:
    """By the specification's words alone: any "v1a" signature over id.timestamp.body."""
    assert public is not None
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    for signature in headers["webhook-signature"].split(" "):
        version, _, encoded = signature.partition(",")
        if version == "v1a":
            try:
                key.verify(base64.b64decode(encoded), signed)
            except InvalidSignature:
                continue
            return True
    return False


@pytest.mark.parametrize("secret", [SEED, SEED.rstrip("="), PAIR])
def test_who_has_the_public_key_verifies(secret: str) -> None:
    made = headers(secret)
    assert verifies(public_key(SecretStr(secret)), made)
    assert not verifies(public_key(SecretStr(secret)), made, BODY + " ")
    assert not verifies(public_key(SecretStr(secret)), made | {"webhook-id": "msg_2"})
    assert not verifies(public_key(SecretStr(secret)), made | {"webhook-timestamp": "1"})


def test_another_public_key_does_not_verify() -> None:
    assert not verifies(public_key(SecretStr(PAIR)), headers(SEED))


def test_a_known_answer_of_ed25519() -> None:
    made = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', datetime.fromtimestamp(1614265330, UTC),
        [SecretStr(PAIR)],
    )
    assert made["webhook-signature"] == (
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    )
    assert public_key(SecretStr(PAIR)) == "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="


def test_a_shared_secret_has_no_public_key() -> None:
    assert public_key(SecretStr(NEW)) is None


def test_secrets_of_both_kinds_sign_at_once_and_each_receiver_finds_its_own() -> None:
    both = headers(SEED, NEW, PAIR, OLD)
    assert [part.partition(",")[0] for part in both["webhook-signature"].split(" ")] == ["v1a", "v1", "v1a", "v1"]
    for shared in (NEW, OLD):
        Webhook(shared).verify(BODY, both)
    for private in (SEED, PAIR):
        assert verifies(public_key(SecretStr(private)), both)


@pytest.mark.parametrize("text", [SEED, SEED.rstrip("="), PAIR, PAIR.rstrip("=")])
def test_a_good_private_key_has_no_problem(text: str) -> None:
    assert check_secret(text) is None


@pytest.mark.parametrize(("text", "problem"), [
    ("whsk_", "has 0 bytes"),
    ("whsk_" + base64.b64encode(b"k" * 31).decode(), "has 31 bytes"),
    ("whsk_" + base64.b64encode(b"k" * 48).decode(), "has 48 bytes"),
    ("whsk_" + base64.b64encode(b"k" * 64).decode(), "that of another"),
    ("whsk_" + "A" * 42 + "-_", "not base64"),
])
def test_a_bad_private_key_is_told_without_being_shown(text: str, problem: str) -> None:
    told = check_secret(text)
    assert told is not None
    assert problem in told
    assert 'echo "whsk_$(openssl rand -base64 32)"' in told
    assert len(text) < 8 or text.removeprefix("whsk_") not in told
