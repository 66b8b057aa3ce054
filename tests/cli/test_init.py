"""`init` without a mail server: what it says before it asks one. With one: tests/integration/test_newcomer.py."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bounce_watcher.cli.framework.asking import Asker
from bounce_watcher.cli.framework.output import WrongUsage
from bounce_watcher.cli.start import init_mailbox
from bounce_watcher.cli.start.init_mailbox import OPTIONS
from bounce_watcher.cli.start.init_steps import ask_target
from bounce_watcher.intake.imap.account import Security
from bounce_watcher.model.errors import KEYS, Advice
from bounce_watcher.service.setup.discovery import Greeting, ServerCandidate
from bounce_watcher.service.setup.writing import ConfigDraft
from tests.cli.conftest import Program


@pytest.fixture
def init(program: Program) -> Callable[..., str]:
    """Unattended, where it must fail: its one line. Nothing may be left behind."""
    program.config.unlink()
    before = sorted(program.folder.iterdir())

    def call(*arguments: str, status: int = 1) -> str:
        done = program.ledger("init", "--yes", "--password-file", "-", *arguments, stdin="hunter2\n")
        assert done.status == status, done.err
        assert sorted(program.folder.iterdir()) == before
        return done.complaint.removeprefix("bounce-watcher: ")

    return call


def test_microsoft_365_says_what_to_do(init: Callable[..., str]) -> None:
    line = init("--address", "bounces@example.onmicrosoft.com")
    assert line.startswith("outlook.office365.com does not accept passwords from programs, only OAuth2; ")
    assert "IMAP.AccessAsApp" in line
    assert line.endswith("Then run this again with --tenant, --client-id and --client-secret-file")


def test_a_personal_mailbox_of_microsoft_wants_a_refresh_token(init: Callable[..., str]) -> None:
    assert init("--address", "jo@outlook.com").endswith("run this again with --client-id and --refresh-token-file")


def test_a_provider_without_imap_says_so(init: Callable[..., str]) -> None:
    assert init("--address", "jo@proton.me").startswith("Proton Mail: it is reached through Proton Mail Bridge only")


def test_a_domain_without_a_server_says_what_to_name(
    init: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(init_mailbox, "places", lambda _: [ServerCandidate("imap.example.org", "a usual name")])
    monkeypatch.setattr(init_mailbox, "first_to_greet", lambda _: None)
    assert init("--address", "a@example.org") == (
        "example.org: no IMAP server found; name it with --host HOST or --host HOST:PORT"
    )


def test_no_password_goes_to_a_server_that_only_the_dns_names(
    init: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 6186 section 6."""
    elsewhere = ServerCandidate(
        "imap.elsewhere.example", "an SRV record of example.org", 993, Security.TLS, is_sure=False
    )
    asked: list[ServerCandidate] = []

    def greet(found: list[ServerCandidate]) -> Greeting | None:
        asked.extend(found)
        return None

    monkeypatch.setattr(init_mailbox, "places", lambda _: [elsewhere])
    monkeypatch.setattr(init_mailbox, "first_to_greet", greet)
    assert "no IMAP server found; name it with --host" in init("--address", "a@example.org")
    assert asked == []


@pytest.mark.parametrize("arguments, says", [
    (("--address", "nobody"), "--address: \"nobody\" is not a mail address"),
    (("--address", "a@example.org", "--host", "imap.example.org:imap"), "--host: "),
    (("--address", "a@example.org", "--host", "imap.example.org", "--security", "ssl"),
     "--security: 'ssl' must be tls, starttls or none"),
])
def test_what_cannot_be_meant_is_told(init: Callable[..., str], arguments: tuple[str, ...], says: str) -> None:
    assert init(*arguments, status=2).startswith(says)


@pytest.mark.parametrize("content, says", [
    (None, "--password-file: {}: No such file or directory"), (b"\n", "--password-file: {} is empty"),
    (b"\xff\xfe", "--password-file: {}: is not UTF-8 text"),
])
def test_a_secret_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(WrongUsage) as told:
        Asker(attended=False).secret("Password", "--password-file", str(file))
    assert str(told.value) == says.format(file)


def test_where_nobody_may_write_it_asks_nothing(program: Program) -> None:
    done = program.call("init", "--yes", "-c", str(program.config / "etc" / "config.toml"))
    assert done.status == 2
    assert "no permission to write there; run this as root (sudo), or name another place" in done.complaint


@pytest.mark.parametrize(("url", "kept"), [
    ("https://platform.example.com/hook", None), ("https://platform.example.com/hook?key=k3y", "secrets/webhook-url"),
])
def test_the_address_of_a_webhook_with_a_key_in_it_is_kept_as_a_secret(url: str, kept: str | None) -> None:
    draft = ConfigDraft(by_credential=False)
    assert ask_target(Asker(attended=False), url, None, [], draft)
    assert draft.secrets.get("webhook-url") == (url if kept else None)
    webhook = draft.tables["webhook"]
    assert (webhook.get("url"), webhook.get("url_file")) == ((None, kept) if kept else (url, None))


def test_each_setting_that_advice_names_has_its_option() -> None:
    assert OPTIONS.keys() == KEYS.keys()
    assert all(advice.naming(OPTIONS) != str(advice) for advice in Advice)
