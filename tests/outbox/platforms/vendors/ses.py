"""Amazon SES: every request is held against the model `sesv2` that botocore ships, and its signature is worked out anew
as AWS describes it, without botocore.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator

from tests.outbox.platforms.vendor import KEY, Answer, Call, Trouble, Vendor

ACCESS_KEY = "ASIAIOSFODNN7EXAMPLE"
TOKEN = f"{KEY}-token"
REGION = "eu-central-1"
PAGE = 100
SKEW = timedelta(minutes=5)

_CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([a-z0-9;-]+), "
    r"Signature=([0-9a-f]{64})"
)


@cache
def model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("sesv2", "service-2"))


def _error(status: int, name: str, message: str) -> Answer:
    headers = {"x-amzn-errortype": name, "x-amzn-requestid": "00000000-0000"}
    return Answer(status, {"message": message}, headers)


class Ses(Vendor):
    """`reasons`: what each address is listed for. `heeded`: what the account stops mail for. In the `sandbox` nothing
    is added.
    """

    kind = "ses"
    refuses = "grün@example.org"
    """SES takes no address whose local part is not ASCII."""
    troubles: ClassVar = {
        "bad address": Trouble(_error(400, "BadRequestException", "Invalid email address"), dead=True),
        "a namespace before, a URL behind": Trouble(
            _error(400, "com.amazonaws.sesv2#ThrottlingException:http://internal.example.com/", "Rate exceeded")
        ),
        "too many": Trouble(_error(429, "TooManyRequestsException", "slow down")),
        "too many, as all of AWS says it": Trouble(_error(400, "ThrottlingException", "Rate exceeded")),
        "token ran out": Trouble(_error(403, "ExpiredTokenException", "The security token is expired")),
        "no rights": Trouble(_error(403, "AccessDeniedException", "not authorized to perform ses:PutSuppressed…")),
        "no such API here": Trouble(Answer(404, {"message": "nothing here"})),
    }

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[str, str] = {}
        self.heeded: list[str] | None = ["BOUNCE", "COMPLAINT"]
        self.sandbox = False

    def keys(self, key: str = KEY) -> str:
        return (f'region = "{REGION}"\naccess_key_id = "{ACCESS_KEY}"\n'
                f'secret_access_key = "{key}"\nsession_token = "{TOKEN}"')

    def secrets(self) -> tuple[str, ...]:
        return (KEY, TOKEN)

    def handle(self, call: Call) -> Answer:
        wrong = _wrong_signature(call)
        if wrong:
            return _error(403, wrong, "The request signature we calculated does not match")
        found = _operation(call)
        if found is None:
            return Answer(404, {"message": "no such operation"}, {"x-amzn-errortype": "UnknownOperationException"})
        operation, uri = found
        try:
            asked = _parameters(operation, uri, call)
        except ValueError as bad:
            return _error(400, "BadRequestException", str(bad))
        answer: Answer = getattr(self, f"_{operation.name}")(asked)
        if answer.status == 200:
            _judge(operation.output_shape, answer.document)
        return answer

    def _PutSuppressedDestination(self, asked: Mapping[str, Any]) -> Answer:  # noqa: N802
        address = asked["EmailAddress"].lower()
        local, at, domain = address.rpartition("@")
        if self.sandbox:
            return _error(400, "BadRequestException", "Your account is in the sandbox")
        if not (at and local and domain and local.isascii()):
            return _error(400, "BadRequestException", "Invalid email address")
        self.listed.add(address)
        self.reasons[address] = asked["Reason"]
        return Answer(200, {})

    def _DeleteSuppressedDestination(self, asked: Mapping[str, Any]) -> Answer:  # noqa: N802
        address = asked["EmailAddress"].lower()
        if address not in self.listed:
            return _error(404, "NotFoundException", "Email address does not exist on your suppression list.")
        self.listed.discard(address)
        return Answer(200, {})

    def _ListSuppressedDestinations(self, asked: Mapping[str, Any]) -> Answer:  # noqa: N802
        rows = [
            {"EmailAddress": each, "Reason": self.reasons.get(each, "BOUNCE"), "LastUpdateTime": 1_760_000_000.25}
            for each in sorted(self.listed)
        ]
        size, begin = asked.get("PageSize", PAGE), _place(asked.get("NextToken"))
        document: dict[str, Any] = {"SuppressedDestinationSummaries": rows[begin : begin + size]}
        if begin + size < len(rows):
            document["NextToken"] = f"+/{begin + size}=&"
        return Answer(200, document)

    def _GetAccount(self, asked: Mapping[str, Any]) -> Answer:  # noqa: N802
        document: dict[str, Any] = {"ProductionAccessEnabled": not self.sandbox, "SendingEnabled": True}
        if self.heeded is not None:
            document["SuppressionAttributes"] = {"SuppressedReasons": self.heeded}
        return Answer(200, document)


def _place(token: str | None) -> int:
    return int(token.removeprefix("+/").removesuffix("=&")) if token else 0


# ── the model ───────────────────────────────────────────────────────────────────────────────────────────────────────

def _operation(call: Call) -> tuple[OperationModel, dict[str, str]] | None:
    """By method and path; what stands in the path, decoded."""
    for name in _KNOWN:
        operation = model().operation_model(name)
        template = re.escape(operation.http["requestUri"]).replace(r"\{", "(?P<").replace(r"\}", ">[^/]+)")
        match = re.fullmatch(template, call.path)
        if match and call.method == operation.http["method"]:
            return operation, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


_KNOWN = ("PutSuppressedDestination", "DeleteSuppressedDestination", "ListSuppressedDestinations", "GetAccount")


def _parameters(operation: OperationModel, uri: Mapping[str, str], call: Call) -> dict[str, Any]:
    """What is asked for. Raises ValueError for what the model does not have."""
    members = operation.input_shape.members
    by_query = {
        shape.serialization["name"]: (name, shape)
        for name, shape in members.items() if shape.serialization.get("location") == "querystring"
    }
    asked: dict[str, Any] = dict(uri)
    for name, value in parse_qsl(urlsplit(call.target).query, keep_blank_values=True):
        if name not in by_query:
            raise ValueError(f"unknown query {name}")
        member, shape = by_query[name]
        asked[member] = int(value) if shape.type_name == "integer" else value
    in_body = {name for name, shape in members.items() if "location" not in shape.serialization}
    if call.body:
        document = call.json
        if not isinstance(document, dict) or not in_body >= set(document):
            raise ValueError("the body is no JSON or has unknown members")
        asked |= document
    _judge(operation.input_shape, asked)
    return asked


def _judge(shape: Any, value: Any) -> None:
    """Raises ValueError. botocore's own judgement leaves out the values of an enum."""
    report = ParamValidator().validate(value, shape)
    problems = [report.generate_report()] if report.has_errors() else []
    problems += [f"{text} is none of {enum}" for text, enum in _enums(shape, value) if text not in enum]
    if problems:
        raise ValueError("; ".join(problems))


def _enums(shape: Any, value: Any) -> Iterator[tuple[str, list[str]]]:
    if shape.type_name == "structure":
        for name, each in value.items():
            yield from _enums(shape.members[name], each)
    elif shape.type_name == "list":
        for each in value:
            yield from _enums(shape.member, each)
    elif shape.type_name == "string" and shape.enum:
        yield value, shape.enum


# ── the signature ───────────────────────────────────────────────────────────────────────────────────────────────────

def _wrong_signature(call: Call) -> str | None:
    """The name of the error, None where all is well."""
    match = _CREDENTIAL.fullmatch(call.headers.get("authorization", ""))
    if not match:
        return "MissingAuthenticationTokenException"
    access_key, day, region, service, names, signature = match.groups()
    stamp = call.headers.get("x-amz-date", "")
    if access_key != ACCESS_KEY or call.headers.get("x-amz-security-token") != TOKEN:
        return "UnrecognizedClientException"
    at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    must = {"host", "x-amz-date", "x-amz-security-token"} | ({"content-type"} if call.body else set())
    wrong_scope = (day, region, service) != (stamp[:8], REGION, "ses")
    if wrong_scope or abs(datetime.now(UTC) - at) > SKEW or not must <= set(names.split(";")):
        return "InvalidSignatureException"
    right = signature_of(call, stamp, names.split(";"), KEY)
    return None if hmac.compare_digest(right, signature) else "InvalidSignatureException"


def signature_of(call: Call, stamp: str, names: list[str], secret: str) -> str:
    parts = urlsplit(call.target)
    path = quote(parts.path, safe="/-_.~")
    pairs = sorted((quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
                   for name, _, value in (pair.partition("=") for pair in parts.query.split("&") if pair))
    canonical = "\n".join([
        call.method,
        path,
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(call.headers[name].split())}" for name in sorted(names)),
        "",
        ";".join(sorted(names)),
        hashlib.sha256(call.body).hexdigest(),
    ])
    scope = f"{stamp[:8]}/{REGION}/ses/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()



VENDOR = Ses
