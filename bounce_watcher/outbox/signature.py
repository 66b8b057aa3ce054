"""Standard Webhooks 1.0: the headers by which a receiver knows that a request is ours. Pure."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import SecretStr
from standardwebhooks import Webhook

PREFIX = "whsec_"
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
MEND = 'make one with: echo "whsec_$(openssl rand -base64 32)"'


def signed_headers(item_id: str, body: str, now: datetime, secrets: Sequence[SecretStr]) -> dict[str, str]:
    """The three headers for one try at `now` (aware).

    One signature a secret, parted by spaces: while a secret rotates the receiver may check with the old or the new.
    """
    # standardwebhooks relabels whatever zone it is given as UTC, without converting: give it UTC in whole seconds.
    moment = now.astimezone(UTC).replace(microsecond=0)
    signatures = [Webhook(secret.get_secret_value()).sign(item_id, moment, body) for secret in secrets]
    return {
        "webhook-id": item_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def check_secret(text: str) -> str | None:
    """What is wrong with a signing secret and the mend, in one line without the secret; None where nothing is.

    Strict where the package is not: it drops characters that are no base64, and would so sign with another key than a
    receiver in another language checks with.
    """
    if not text.startswith(PREFIX):
        return f"a webhook secret begins with {PREFIX}: {MEND}"
    try:
        key = base64.b64decode(_padded(text.removeprefix(PREFIX)), validate=True)
    except (binascii.Error, ValueError):
        return f"what follows {PREFIX} is not base64: {MEND}"
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        return f"the key has {len(key)} bytes, must have {MIN_KEY_BYTES} to {MAX_KEY_BYTES}: {MEND}"
    return None


def _padded(encoded: str) -> str:
    return encoded if "=" in encoded else encoded + "=" * (-len(encoded) % 4)
