"""Standard Webhooks 1.0: the headers that prove to a receiver that a request is ours. Pure.

A secret is either shared, `whsec_…` (HMAC-SHA256, signatures "v1"), or the private half of a pair of Ed25519 keys,
`whsk_…` (RFC 8032, signatures "v1a"). For the second, a receiver needs only the public half `whpk_…`, which can verify
but not sign.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import SecretStr
from standardwebhooks import Webhook

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SHARED, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
SIGNATURE = "webhook-signature"
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
SEED_BYTES = 32
FIX = 'make one with: echo "whsec_$(openssl rand -base64 32)"'
PRIVATE_FIX = 'make one with: echo "whsk_$(openssl rand -base64 32)"'


def signed_headers(item_id: str, body: str, now: datetime, secrets: Sequence[SecretStr]) -> dict[str, str]:
    """Returns the three headers for one try at `now` (aware).

    There is one signature for each secret, separated by spaces. While a secret rotates, the receiver may check with the
    old or the new one. Receivers of one kind ignore signatures of the other.
    """
    # standardwebhooks labels any time zone as UTC without converting it: give it UTC in whole seconds.
    moment = now.astimezone(UTC).replace(microsecond=0)
    return {
        "webhook-id": item_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        SIGNATURE: " ".join(_signature(each.get_secret_value(), item_id, moment, body) for each in secrets),
    }


def public_key(secret: SecretStr) -> str | None:
    """Returns the `whpk_…` that verifies signatures of a valid `whsk_…`; None for a shared secret, which has none."""
    text = secret.get_secret_value()
    if not text.startswith(PRIVATE):
        return None
    return PUBLIC + base64.b64encode(_public_half(text)).decode()


def check_secret(text: str) -> str | None:
    """Returns the fault of a signing secret and its fix, in one line without the secret; None if there is no fault.

    This check is stricter than the package, which drops characters that are not base64. It would then sign with a
    different key than the one that a receiver in another language uses to check.
    """
    if text.startswith(PUBLIC):
        return f"{PUBLIC} is a public key, which verifies and cannot sign: write the {PRIVATE} that it belongs to"
    if text.startswith(PRIVATE):
        return _private_fault(text)
    if not text.startswith(SHARED):
        return f"a webhook secret begins with {SHARED}, or for ed25519 with {PRIVATE}: {FIX}"
    key = _decoded(text.removeprefix(SHARED))
    if key is None:
        return f"what follows {SHARED} is not base64: {FIX}"
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        return f"the key has {len(key)} bytes, must have {MIN_KEY_BYTES} to {MAX_KEY_BYTES}: {FIX}"
    return None


def _private_fault(text: str) -> str | None:
    key = _decoded(text.removeprefix(PRIVATE))
    if key is None:
        return f"what follows {PRIVATE} is not base64: {PRIVATE_FIX}"
    if len(key) not in (SEED_BYTES, 2 * SEED_BYTES):
        return f"the key has {len(key)} bytes, must have {SEED_BYTES}, or 64 with the public half: {PRIVATE_FIX}"
    if key[SEED_BYTES:] not in (b"", _public_half(text)):
        return f"the public half of the key is that of another: copy it anew, or {PRIVATE_FIX}"
    return None


def _signature(secret: str, item_id: str, moment: datetime, body: str) -> str:
    """Returns one signature. `moment` is in UTC and whole seconds."""
    if not secret.startswith(PRIVATE):
        return Webhook(secret).sign(item_id, moment, body)
    signed = _private_key(secret).sign(f"{item_id}.{int(moment.timestamp())}.{body}".encode())
    return f"v1a,{base64.b64encode(signed).decode()}"


def _private_key(secret: str) -> "Ed25519PrivateKey":
    """Returns the key for a seed, or for a seed followed by the public half, as some libraries store a private key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - seldom used

    key = _decoded(secret.removeprefix(PRIVATE)) or b""
    return Ed25519PrivateKey.from_private_bytes(key[:SEED_BYTES])


def _public_half(secret: str) -> bytes:
    return _private_key(secret).public_key().public_bytes_raw()


def _decoded(encoded: str) -> bytes | None:
    padded = encoded if "=" in encoded else encoded + "=" * (-len(encoded) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except ValueError:
        return None
