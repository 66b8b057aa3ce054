"""AWS Signature Version 4: proves to Amazon who makes a call. Pure: the same call at the same time gets one signature.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (November 2026). Amazon's own
botocore computes the signature. Only its `add_auth` is not used, because it reads the clock.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import SecretStr

from bounce_watcher.outbox.http.exchange import Request


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Keys of an AWS account. `token` belongs to temporary credentials only."""

    access_key_id: str
    secret_access_key: SecretStr
    token: SecretStr | None = None


def signed(request: Request, keys: AwsKeys, region: str, service: str, now: datetime) -> Request:
    """Returns `request` signed at `now` (aware). The signature covers the body and all headers of `request`.

    Amazon refuses a signature that is some minutes away from its own clock. Do not change the request afterwards.
    """
    from botocore.auth import SIGV4_TIMESTAMP  # noqa: PLC0415 - an extra of the package

    stamp = now.astimezone(UTC).strftime(SIGV4_TIMESTAMP)
    headers: dict[str, str | SecretStr] = {**request.headers, "x-amz-date": stamp}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    dated = replace(request, headers=headers)
    authorization = SecretStr(_authorization(dated, keys, region, service, stamp))
    return replace(dated, headers={**headers, "authorization": authorization})


def _authorization(request: Request, keys: AwsKeys, region: str, service: str, stamp: str) -> str:
    from botocore.auth import SigV4Auth  # noqa: PLC0415 - as above
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import ReadOnlyCredentials  # noqa: PLC0415

    credentials = ReadOnlyCredentials(keys.access_key_id, keys.secret_access_key.get_secret_value(), None)
    signer = SigV4Auth(credentials, service, region)
    asked = AWSRequest(request.method, request.url, request.wire_headers(), request.body())
    asked.context["timestamp"] = stamp
    signature = signer.signature(signer.string_to_sign(asked, signer.canonical_request(asked)), asked)
    names = signer.signed_headers(signer.headers_to_sign(asked))
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(asked)}, SignedHeaders={names}, Signature={signature}"
