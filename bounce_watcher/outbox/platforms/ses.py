"""Amazon SES: the suppression list of an account in one region.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/ and botocore's description of `sesv2`, read in November 2026.
Not documented there, and so taken from older pages or inferred: that one call a second is allowed, that it is no error
to add an address again, that the answer for an absent address is NotFoundException (declared, not described), and that
an account in the sandbox can't add any. Adding many at once needs files in S3, which we do not use.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request
from bounce_watcher.outbox.platform import HttpPlatform, Listed, ListPage, Misfit, require
from bounce_watcher.outbox.replies import fit, garbage, later, one_by_one, outcome, released

SIGNING_NAME = "ses"
"""Not `email` as in the host's name, and not `sesv2` as in the API's name."""

MAX_PAGE_BYTES = 8 * 1024 * 1024

BOUNCE, COMPLAINT = "BOUNCE", "COMPLAINT"
"""The two reasons that there are: anything but a complaint, also a manual decision, is a bounce."""

_LIST = ("suppression", "addresses")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
_ACCESS_KEY = re.compile(r"\w{16,128}", re.ASCII)
_TEMPORARY = "ASIA"

_ABOUT_US = frozenset({
    "ThrottlingException", "Throttling", "LimitExceededException", "RequestExpired", "ExpiredTokenException",
    "IncompleteSignature", "InvalidSignatureException", "UnrecognizedClientException", "OptInRequired",
})
"""Common errors of AWS (API reference, "Common errors") that may come with a 400 and are not about the call."""


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Keys of an AWS account. `token` belongs to temporary credentials only."""

    access_key_id: str
    secret_access_key: SecretStr
    token: SecretStr | None = None


@dataclass(frozen=True, kw_only=True)
class Ses(HttpPlatform):
    """`session_token` belongs only to temporary credentials, which expire."""

    region: str = field(metadata={"example": '"eu-central-1"'})
    access_key_id: str = field(metadata={"example": '"AKIA…"'})
    secret_access_key: SecretStr
    session_token: SecretStr | None = None

    kind: ClassVar[str] = "ses"
    root: ClassVar[str] = "v2/email"
    limits: ClassVar[Limits] = Limits(rate=1, concurrency=8, calls=2)

    def __post_init__(self) -> None:
        require("ses")
        if not _REGION.fullmatch(self.region):
            raise Misfit("region", "is no AWS region: write it like eu-central-1")
        if not _ACCESS_KEY.fullmatch(self.access_key_id):
            raise Misfit("access_key_id", "is no access key ID: it has 16 or more letters and digits, such as AKIA…")
        if self.access_key_id.startswith(_TEMPORARY) and not self.session_token:
            raise Misfit("access_key_id", f"{_TEMPORARY}… is of temporary credentials: add their session_token")
        if not self.url:
            object.__setattr__(self, "url", f"https://email.{self.region}.amazonaws.com")

    @one_by_one
    def suppress(self, change: Change, now: datetime) -> Conversation[Outcome]:
        document = {"EmailAddress": change.recipient, "Reason": COMPLAINT if change.is_complaint else BOUNCE}
        reply = yield self._signed(now, "PUT", *_LIST, document=document)
        found = _outcome(reply, now)
        if found.fate is Fate.REFUSED and (yield from self._is_in_the_sandbox(now)):
            return Outcome(Fate.LATER, f"{reply.text}; {_SANDBOX}", whole=True)
        return found

    @one_by_one
    def release(self, change: Change, now: datetime) -> Conversation[Outcome]:
        reply = yield self._signed(now, "DELETE", *_LIST, change.recipient)
        is_absent = reply.status == 404 and _error_of(reply) == "NotFoundException"
        return released(reply, now) if is_absent else _outcome(reply, now)

    def check(self, now: datetime) -> Conversation[Outcome]:
        """Reads the list, and the account's settings for the addresses on it."""
        reply = yield self._signed(now, "GET", *_LIST, PageSize="1")
        if reply.rows("SuppressedDestinationSummaries") is None:
            return outcome(reply, now, as_promised=False)
        account = yield self._signed(now, "GET", "account")
        if account.ok:
            return _told_of(account)
        # the key may read the list but not the account: only the settings are unknown
        note = f"whether the account heeds BOUNCE and COMPLAINT is not known, grant ses:GetAccount: {account.text}"
        return Outcome(Fate.DONE, f"{reply.text}; {note}")

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page. The cursor is the NextToken. Asks for no page size: the largest one is not documented."""
        asked = {"NextToken": cursor} if cursor else {}
        reply = yield self._signed(now, "GET", *_LIST, **asked).reading(MAX_PAGE_BYTES)
        rows = self.readable(reply, reply.rows("SuppressedDestinationSummaries"))
        return ListPage(tuple(map(_listed, fit(rows, "EmailAddress"))), reply.field("NextToken") or None)

    def _is_in_the_sandbox(self, now: datetime) -> Conversation[bool]:
        """Checks for the sandbox, in which no address is to blame for a refusal. Unknown counts as no."""
        reply = yield self._signed(now, "GET", "account")
        return reply.ok and reply.field("ProductionAccessEnabled") is False

    def _signed(self, now: datetime, method: str, *path: str, document: object = None, **query: str) -> Request:
        request = self.request(method, *path, document=document, **query)
        keys = AwsKeys(self.access_key_id, self.secret_access_key, self.session_token)
        return signed(request, keys, self.region, SIGNING_NAME, now)


_SANDBOX = "the account is in the sandbox of SES, where nothing can be added: ask Amazon for production access"


def _outcome(reply: Reply, now: datetime) -> Outcome:
    if reply.ok and not _is_amazons(reply):
        return garbage(reply)
    return later(reply, now) if _error_of(reply) in _ABOUT_US else outcome(reply, now)


def _is_amazons(reply: Reply) -> bool:
    """Checks whether a success is Amazon's: an empty body, an empty object, or any body with Amazon's request id.

    The last is for fields of later versions.
    """
    return not reply.body or reply.document() == {} or "x-amzn-requestid" in reply.headers


def _error_of(reply: Reply) -> str:
    """Returns the error's name. In the protocol restJson1 it is in a header or the body, maybe with a namespace."""
    name = reply.headers.get("x-amzn-errortype") or reply.field("__type") or reply.field("code") or ""
    return str(name).partition(":")[0].rpartition("#")[2]


def _told_of(account: Reply) -> Outcome:
    """Returns whether the account stops mail to the addresses that we add to the list."""
    if not isinstance(account.field("ProductionAccessEnabled"), bool):
        return garbage(account)
    if not account.field("ProductionAccessEnabled"):
        return Outcome(Fate.REFUSED, _SANDBOX)
    heeded = account.field("SuppressionAttributes", "SuppressedReasons")
    missing = [reason for reason in (BOUNCE, COMPLAINT) if reason not in (heeded or ())]
    if missing:
        return Outcome(
            Fate.REFUSED, f"the account stops no mail to who is listed for {' or '.join(missing)}: add this to its "
            "suppression reasons (SES console, Suppression list, Account-level settings)",
        )
    return Outcome(Fate.DONE, account.text)


def _listed(row: dict[str, object]) -> Listed:
    reason, updated = row.get("Reason"), row.get("LastUpdateTime")
    since = datetime.fromtimestamp(updated, UTC) if isinstance(updated, int | float) else None
    return Listed(str(row["EmailAddress"]), reason if isinstance(reason, str) else None, since)


# ── the signature ───────────────────────────────────────────────────────────────────────────────────────────────────

def signed(request: Request, keys: AwsKeys, region: str, service: str, now: datetime) -> Request:
    """Returns `request` signed at `now` (aware) with AWS Signature Version 4, over its body and all its headers.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (November 2026). Amazon
    refuses a signature that is some minutes away from its own clock. Do not change the request afterwards.
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
    """Returns the Authorization as Amazon's own botocore computes it. Its `add_auth` would read the clock."""
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
