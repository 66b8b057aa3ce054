"""The page on webhooks: its examples are what is sent, its commands and keys are there, and its code verifies."""

import json
import re
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from bounce_watcher.cli.main import main
from bounce_watcher.config import parse
from bounce_watcher.model.ledger import NoticeType, OutboxItem
from bounce_watcher.outbox.backoff import SCHEDULE
from bounce_watcher.outbox.webhook.sender import Envelope, envelope
from bounce_watcher.outbox.webhook.signature import check_secret, public_key, signed_headers
from bounce_watcher.outbox.webhook.target import Format
from tests.docs.pages import README, WEBHOOKS, blocks, marked, spans
from tests.outbox.samples import AT, target
from tests.servers.receiver import SECRET

PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
OTHER = "whsk_" + "A" * 43 + "="
BODY = '{"type":"recipient.suppressed"}'


# ── what is sent ────────────────────────────────────────────────────────────────────────────────────────────────────

def sent(form: Format) -> Envelope:
    """README's webhook in another format."""
    body = blocks(README, "json")[0].text
    assert json.loads(body)["type"] == "recipient.suppressed"
    item = OutboxItem(
        "msg_0001", "platform", NoticeType.SUPPRESSED, "user@example.org", "marketing", 7, body, AT, AT
    )
    return envelope(item, replace(target(), format=form))


def test_the_structured_example_is_what_is_sent() -> None:
    assert json.loads(marked(WEBHOOKS, "structured").text) == json.loads(sent(Format.STRUCTURED).body)
    assert f"`{sent(Format.STRUCTURED).headers['content-type']}`" in WEBHOOKS


def test_the_headers_of_the_binary_example_are_what_is_sent() -> None:
    shown = dict(line.split(": ", 1) for line in marked(WEBHOOKS, "binary").text.splitlines())
    assert shown == sent(Format.BINARY).headers


# ── the configuration and the commands ──────────────────────────────────────────────────────────────────────────────

def test_every_format_is_told_of() -> None:
    named = {span.removeprefix("format = ").strip('"') for span in spans(WEBHOOKS) if span.startswith("format = ")}
    assert named == set(Format)


def test_the_example_of_an_allowed_host_loads(tmp_path: Path) -> None:
    (tmp_path / "webhook-secret").write_text(SECRET)
    (shown,) = (block.text for block in blocks(WEBHOOKS, "toml"))
    (webhook,) = parse(shown, "webhooks.md", {}, tmp_path).webhooks
    assert webhook.allow_hosts == {"hooks.internal.example"}


def test_every_command_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    calls = [shlex.split(span) for span in spans(WEBHOOKS) if re.match(r"(?:bounce-watcher )?outbox |bounce-watcher \w",
                                                                       span)]
    assert len(calls) > 5
    for words in calls:
        arguments = [word for word in words if word != "bounce-watcher"]
        command = arguments[: 2 if arguments[0] == "outbox" else 1]
        assert main([*command, "--help"]) == 0
        told = capsys.readouterr().out
        assert [word for word in arguments if word.startswith("--") and word not in told] == []


def test_how_long_it_is_tried() -> None:
    total = sum(SCHEDULE, timedelta())
    assert len(SCHEDULE) == 9, "ten tries"
    assert timedelta(days=2.5) < total < timedelta(days=3.5)


# ── ed25519 ─────────────────────────────────────────────────────────────────────────────────────────────────────────

Verify = Callable[[Mapping[str, str], bytes], bool]


@pytest.fixture
def is_ours(monkeypatch: pytest.MonkeyPatch) -> Verify:
    """README's verification, run as it stands there."""
    monkeypatch.setenv("WEBHOOK_PUBLIC_KEY", public_key(SecretStr(PRIVATE)) or "")
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(marked(README, "receiver-ed25519").text, "README.md", "exec"), names)
    return cast(Verify, names["is_ours"])


def headers(*secrets: str, at: float = 0) -> dict[str, str]:
    """`at` in seconds from now."""
    moment = datetime.fromtimestamp(time.time() + at, UTC)
    return signed_headers("msg_1", BODY, moment, [SecretStr(secret) for secret in secrets])


def test_it_takes_what_our_key_has_signed(is_ours: Verify) -> None:
    assert is_ours(headers(PRIVATE), BODY.encode())
    assert is_ours(headers(SECRET, OTHER, PRIVATE), BODY.encode())


@pytest.mark.parametrize("change", [
    {"webhook-id": "msg_2"}, {"webhook-timestamp": str(int(time.time()) - 1)}, {"webhook-timestamp": "soon"},
    {"webhook-signature": ""}, {"webhook-signature": "v1a"}, {"webhook-signature": "v1a,AAAA v1a,A v2,x"},
])
def test_it_refuses_what_was_changed(is_ours: Verify, change: dict[str, str]) -> None:
    assert not is_ours(headers(PRIVATE) | change, BODY.encode())


def test_it_refuses_what_is_old_or_anothers_or_not_signed(is_ours: Verify) -> None:
    assert not is_ours(headers(PRIVATE), BODY.encode() + b" ")
    assert not is_ours(headers(PRIVATE, at=-400), BODY.encode())
    assert not is_ours(headers(PRIVATE, at=400), BODY.encode())
    assert not is_ours(headers(SECRET, OTHER), BODY.encode())
    assert not is_ours({}, BODY.encode())


def test_it_needs_what_it_says() -> None:
    assert "`pip install cryptography`" in README
    imported = set(re.findall(r"^from (\w+)", marked(README, "receiver-ed25519").text, re.MULTILINE))
    assert imported == {"collections", "cryptography"}


@pytest.mark.parametrize("page", [README, WEBHOOKS])
def test_how_a_private_key_is_made(page: str) -> None:
    assert "whsk_$(openssl rand -base64 32)" in page
    assert check_secret(OTHER) is None, "32 bytes in base64, as openssl writes them"
