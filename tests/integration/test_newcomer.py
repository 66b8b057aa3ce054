"""A newcomer's way in: `init` against a real Dovecot, unattended and at a terminal, then the first bounce."""

import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pexpect
import pytest

from tests.integration.house import called
from tests.mail import START, Letter, postfix
from tests.servers.authorization import TokenEndpoint, token_endpoint
from tests.servers.dovecot import PASSWORD, Dovecot, Layout
from tests.servers.processes import free_port
from tests.servers.receiver import Receiver

__all__ = ["token_endpoint"]  # a fixture

ROOT = Path(__file__).parents[2]
ADDRESS = "bounces@localhost.example"
UNKNOWN = "550 5.1.1 <user@gone.example>: Recipient address rejected: User unknown"


@dataclass(frozen=True)
class Newcomer:
    """Somebody with an empty folder. `in_processes`: each command is one of its own, started as its user would."""

    home: Path
    dovecot: Dovecot
    in_processes: bool = False

    @property
    def config(self) -> Path:
        return self.home / "etc" / "config.toml"

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.dovecot.imap_port}"

    @property
    def tls_server(self) -> str:
        return f"127.0.0.1:{self.dovecot.imaps_port}"

    def call(self, *arguments: str, status: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        arguments = (*arguments, "-c", str(self.config))
        done = self._process(arguments, stdin) if self.in_processes else called(*arguments, stdin=stdin)
        assert done.returncode == status, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done

    def _process(self, arguments: tuple[str, ...], stdin: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bounce_watcher", *arguments], capture_output=True, text=True, timeout=90,
            check=False, cwd=ROOT, input=stdin,
        )

    def init(self, *arguments: str, status: int = 0, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        """Unattended, the password on standard input; `--host` may be given again."""
        return self.call(
            "init", "--yes", "--address", ADDRESS, "--username", "bounces", "--password-file", "-", "--no-web",
            *arguments, status=status, stdin=f"{password}\n",
        )

    def refused(self, *arguments: str, password: str = PASSWORD, status: int = 1) -> str:
        """The one line of a run that must fail and leave nothing behind."""
        done = self.init(*arguments, status=status, password=password)
        (line,) = done.stderr.splitlines()
        assert PASSWORD not in done.stdout + done.stderr
        assert not self.config.parent.exists()
        return line

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.call(*arguments, "--json").stdout.splitlines()]

    @contextmanager
    def running(self) -> Iterator[None]:
        """The service, until the end of the block; it must end by itself then."""
        with subprocess.Popen([sys.executable, "-m", "bounce_watcher", "run", "-c", str(self.config)], cwd=ROOT,
                              stderr=subprocess.DEVNULL) as process:
            try:
                yield
                assert process.poll() is None, "it ended by itself"
                process.terminate()
                assert process.wait(60) == 0
            finally:
                process.kill()

    @contextmanager
    def at_terminal(self, *arguments: str) -> Iterator["pexpect.spawn[str]"]:
        command = [sys.executable, "-m", "bounce_watcher", "init", *arguments, "-c", str(self.config)]
        terminal = pexpect.spawn(
            command[0], command[1:], cwd=str(ROOT), encoding="utf-8", timeout=20, dimensions=(60, 200),
            env={**os.environ, "TERM": "dumb"},
        )
        try:
            yield terminal
        finally:
            terminal.close(force=True)


@pytest.fixture(autouse=True)
def at_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not in a unit of systemd."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def newcomer(tmp_path: Path, dovecot: Dovecot) -> Newcomer:
    return Newcomer(tmp_path, dovecot)


@pytest.fixture
def outside(newcomer: Newcomer) -> Newcomer:
    return replace(newcomer, in_processes=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def bounce(dovecot: Dovecot) -> None:
    dovecot.deliver("bounces", [postfix(Letter(1, "user@gone.example", UNKNOWN, START)).encode()])


# ── unattended ──────────────────────────────────────────────────────────────────────────────────────────────────────

def test_unattended_then_the_first_bounce(outside: Newcomer, receiver: Receiver) -> None:
    done = outside.init("--host", outside.server, "--webhook", receiver.url)
    assert "Logged in" in done.stdout
    assert "MOVE" in done.stdout
    assert done.stderr == ""
    text = outside.config.read_text()
    assert PASSWORD not in text
    assert "# The IMAP server." in text, "explained as the example explains it"
    etc = outside.config.parent
    assert mode(etc / "secrets") == 0o700
    assert {path.name: mode(path) for path in (etc / "secrets").iterdir()} == {
        "imap-password": 0o600, "webhook-secret": 0o600, "token-key": 0o600,
    }
    assert sorted(path.name for path in etc.iterdir()) == ["config.toml", "ledger.db", "secrets"] or sorted(
        path.name for path in etc.iterdir()
    ) == ["config.toml", "secrets"]
    warnings = [line for line in outside.call("check-config").stdout.splitlines() if line.startswith("warning")]
    assert len(warnings) == 1
    assert "[policy.evidence] asks for less than a signature" in warnings[0], "unsigned bounces count, and it says so"
    assert all(row["ok"] for row in outside.rows("doctor"))
    bounce(outside.dovecot)
    outside.call("poll")
    (event,) = outside.rows("events", "list")
    assert (event["recipient"], event["reason"]) == ("user@gone.example", "invalid_recipient")
    assert [row["recipient"] for row in outside.rows("suppressions", "list")] == ["user@gone.example"]
    assert outside.dovecot.count("bounces", "Bounces/Processed") == 1


def test_then_the_dashboard_shows_the_first_bounce(newcomer: Newcomer) -> None:
    """`init`, `run`, a bounce comes; whoever signs in with the token that `init` made finds it."""
    address = f"127.0.0.1:{free_port()}"
    done = newcomer.init("--host", newcomer.server, "--listen", address)
    file = newcomer.config.parent / "secrets" / "web-token"
    assert f"http://{address}/ # the dashboard, once the service runs" in done.stdout + done.stderr
    assert f"sign in there with the token in {file}" in done.stdout + done.stderr
    token = file.read_text().strip()
    with newcomer.running(), httpx.Client(base_url=f"http://{address}", follow_redirects=True, timeout=20) as browser:
        wait_until(lambda: answers(browser, "/healthz"))
        assert "user@gone.example" not in signed_in(browser, token).text
        bounce(newcomer.dovecot)
        wait_until(lambda: "user@gone.example" in browser.get("/").text)
        (link,) = set(re.findall(r'href="(/recipients/[\w-]+)"', browser.get("/").text))
        told = re.sub(r"<[^>]*>", "", browser.get(link).text)
    assert "Suppressed" in told
    assert "Recipient address rejected: User unknown" in told
    assert newcomer.dovecot.count("bounces", "Bounces/Processed") == 1


def answers(browser: httpx.Client, path: str) -> bool:
    try:
        return browser.get(path).is_success
    except httpx.TransportError:
        return False


def wait_until(true: Callable[[], bool], seconds: float = 90) -> None:
    over = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < over, "it did not come to that"
        time.sleep(0.2)


def signed_in(browser: httpx.Client, token: str) -> httpx.Response:
    """The page that the sign-in leads to."""
    form = browser.get("/")
    assert form.url.path == "/login"
    fields = dict(re.findall(r'name="(csrf|next)" value="([^"]*)"', form.text))
    answer = browser.post("/login", data={**fields, "token": token})
    assert (answer.status_code, answer.url.path) == (200, "/")
    return answer


def test_a_self_signed_certificate_is_named_and_then_trusted(newcomer: Newcomer) -> None:
    line = newcomer.refused("--host", newcomer.tls_server)
    assert "self-signed" in line
    (fingerprint,) = re.findall(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", line)
    assert "--trust-certificate" in line
    other = newcomer.refused("--host", newcomer.tls_server, "--trust-certificate", "AB:" * 31 + "AB")
    assert fingerprint in other
    newcomer.init("--host", newcomer.tls_server, "--trust-certificate", fingerprint)
    assert (newcomer.config.parent / "imap-ca.pem").exists()
    assert all(row["ok"] for row in newcomer.rows("doctor"))


def test_an_authority_may_be_named(newcomer: Newcomer) -> None:
    newcomer.init("--host", newcomer.tls_server, "--ca-file", str(newcomer.dovecot.certificate.certificate))
    assert "ca_file = " in newcomer.config.read_text()
    assert all(row["ok"] for row in newcomer.rows("doctor"))


def test_a_wrong_password_is_one_line(newcomer: Newcomer) -> None:
    line = newcomer.refused("--host", newcomer.server, password="wrong horse")
    assert "the log-in was refused" in line
    assert "wrong horse" not in line
    assert "--username" in line


def test_a_wrong_port_is_one_line(newcomer: Newcomer) -> None:
    line = newcomer.refused("--host", "127.0.0.1:9")
    assert "refused by 127.0.0.1:9" in line
    assert "--host HOST:PORT" in line


def test_a_host_that_is_none_is_one_line(newcomer: Newcomer) -> None:
    assert "is not a port" in newcomer.refused("--host", "127.0.0.1:99999", status=2)
    assert "--host" in newcomer.refused("--host", "https://imap.example.org", status=2)


def test_tls_where_there_is_none_is_one_line(newcomer: Newcomer) -> None:
    line = newcomer.refused("--host", newcomer.server, "--security", "tls")
    assert "no TLS to be had" in line
    assert "--security" in line


def test_no_encryption_is_for_this_machine_alone(newcomer: Newcomer) -> None:
    line = newcomer.refused("--host", "imap.example.org", "--security", "none", status=2)
    assert "this machine only" in line


def test_a_server_without_starttls_is_one_line(
    tmp_path: Path, start_dovecot: Callable[[Layout], Dovecot]
) -> None:
    newcomer = Newcomer(tmp_path, start_dovecot(Layout(tls=False)))
    line = newcomer.refused("--host", newcomer.server, "--security", "starttls")
    assert "STARTTLS" in line


def test_a_folder_that_is_not_there_is_one_line(newcomer: Newcomer) -> None:
    line = newcomer.refused("--host", newcomer.server, "--folder", "Returned", status=2)
    assert "no folder of that name; there are INBOX" in line


def test_a_server_that_takes_tokens_only_says_what_to_do(
    tmp_path: Path, start_dovecot: Callable[[Layout], Dovecot], token_endpoint: TokenEndpoint
) -> None:
    newcomer = Newcomer(tmp_path, start_dovecot(Layout(mechanisms="xoauth2 oauthbearer")))
    newcomer.dovecot.set_token("bounces", "the-access-token")
    token_endpoint.grants("the-access-token")
    line = newcomer.refused("--host", newcomer.server)
    assert "does not accept passwords from programs, only OAuth2" in line
    assert "--token-url, --client-id and --client-secret-file" in line
    (tmp_path / "secret").write_text("the-secret\n")
    newcomer.init(
        "--host", newcomer.server, "--token-url", token_endpoint.url, "--client-id", "the-app",
        "--client-secret-file", str(tmp_path / "secret"), "--scope", "mail",
    )
    assert token_endpoint.requests[0]["client_secret"] == "the-secret"
    assert "[mailbox.oauth2]" in newcomer.config.read_text()
    assert all(row["ok"] for row in newcomer.rows("doctor"))


def test_providers_without_passwords_say_what_to_do_before_anything_is_asked_of_them(newcomer: Newcomer) -> None:
    done = newcomer.call("init", "--yes", "--address", "bounces@tuta.com", "--password-file", "-", status=1)
    assert done.stderr.strip() == "bounce-watcher: Tuta: it has no IMAP: let bounces come to a mailbox elsewhere"


def test_nothing_is_overwritten_unasked(newcomer: Newcomer) -> None:
    newcomer.init("--host", newcomer.server)
    before = newcomer.config.read_text()
    again = newcomer.init("--host", newcomer.server, "--stream", "news", status=2)
    assert "already exists; use --overwrite" in again.stderr
    assert newcomer.config.read_text() == before
    newcomer.init("--host", newcomer.server, "--stream", "news", "--overwrite")
    assert 'stream = "news"' in newcomer.config.read_text()
    newcomer.config.unlink()
    left = newcomer.init("--host", newcomer.server, status=1)
    assert "imap-password already exists" in left.stderr, "nor a secret of an older file"


def test_a_platform_with_its_keys(newcomer: Newcomer) -> None:
    (newcomer.home / "key").write_text("0123456789abcdef0123456789abcdef-us21\n")
    missing = newcomer.refused("--host", newcomer.server, "--platform", "mailchimp", status=2)
    assert "--platform-key" in missing
    newcomer.init(
        "--host", newcomer.server, "--platform", "mailchimp", "--platform-key", "audience=0a1b2c3d4e",
        "--platform-key", f"api_key_file={newcomer.home / 'key'}", "--shadow",
    )
    assert "platform mailchimp: mailchimp" in newcomer.call("check-config").stdout
    assert "policy: shadow" in newcomer.call("check-config").stdout


def test_a_signed_return_path(newcomer: Newcomer, outside: Newcomer) -> None:
    newcomer.init("--host", newcomer.server, "--return-path", "returns@bounces.example.com", "--sign")
    made = outside.call("token", "make", "--recipient", "user@example.org").stdout
    assert made.startswith("returns+")


def test_a_unit_gets_its_secrets_as_credentials(newcomer: Newcomer) -> None:
    units = newcomer.home / "units"
    newcomer.init("--host", newcomer.server, "--systemd", "--systemd-dir", str(units),
                  "--database", f"sqlite:///{newcomer.home}/ledger.db")
    assert "password_credential" in newcomer.config.read_text()
    dropped = (units / "bounce-watcher.service.d" / "init.conf").read_text()
    secret = newcomer.config.parent / "secrets" / "imap-password"
    assert f"LoadCredential=imap-password:{secret}" in dropped
    assert f"run -c {newcomer.config}" in dropped
    assert (units / "bounce-watcher.service").read_text() == (ROOT / "systemd" / "bounce-watcher.service").read_text()
    assert all(row["ok"] for row in newcomer.rows("doctor")), "at a shell too"


def test_without_a_terminal_it_says_how_to_go_on(outside: Newcomer) -> None:
    done = outside.call("init", status=2)
    assert "--yes" in done.stderr
    assert "--address is missing" in outside.call("init", "--yes", status=2).stderr


# ── at a terminal ───────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_person_at_a_terminal_mends_what_went_wrong(newcomer: Newcomer, receiver: Receiver) -> None:
    newcomer.dovecot.deliver("bounces", [b"Subject: hello\n\nhello\n"])
    with newcomer.at_terminal("--systemd-dir", str(newcomer.home / "units"), "--no-systemd") as terminal:
        terminal.expect("Mail address that receives bounces")
        terminal.sendline("nobody")
        terminal.expect("is not a mail address")
        terminal.sendline(ADDRESS)
        terminal.expect(r"IMAP server \[")
        terminal.sendline("127.0.0.1:9")
        terminal.expect("refused by 127.0.0.1:9")
        terminal.sendline(newcomer.server)
        terminal.expect("User name")
        terminal.sendline("bounces")
        terminal.expect("Password")
        terminal.sendline("wrong horse")
        terminal.expect("the log-in was refused")
        terminal.expect("User name")
        terminal.sendline("bounces")
        terminal.expect("Password")
        terminal.sendline(PASSWORD)
        terminal.expect("Logged in")
        terminal.expect(r"INBOX \(1\)")
        terminal.expect(r"Folder to watch \[INBOX\]")
        terminal.sendline("")
        terminal.expect("It has 1 messages now")
        terminal.sendline("y")
        terminal.expect("Return path")
        terminal.sendline("")
        terminal.expect("its own return path")
        terminal.sendline("")
        terminal.expect("already sign every mail")
        terminal.sendline("")
        terminal.expect("Where to send suppressions")
        terminal.sendline("ftp://platform.example.com")
        terminal.expect("is not a web address")
        terminal.sendline(receiver.url)
        terminal.expect("shadow")
        terminal.sendline("n")
        terminal.expect("Listen for HTTP")
        terminal.sendline("n")
        terminal.expect("next:")
        terminal.expect(pexpect.EOF)
        shown = str(terminal.before)
    assert terminal.exitstatus == 0, shown
    assert all(row["ok"] for row in newcomer.rows("doctor"))
    bounce(newcomer.dovecot)
    newcomer.call("poll")
    assert [event["recipient"] for event in newcomer.rows("events", "list")] == ["user@gone.example"]


def test_what_is_typed_as_a_password_is_not_shown_and_nothing_is_left_behind(newcomer: Newcomer) -> None:
    with newcomer.at_terminal("--no-systemd", "--address", ADDRESS, "--host", newcomer.server) as terminal:
        terminal.expect("User name")
        terminal.sendline("bounces")
        terminal.expect("Password")
        terminal.sendline(PASSWORD)
        terminal.expect("Folder to watch")
        assert PASSWORD not in str(terminal.before)
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 130
    assert not newcomer.config.parent.exists()


def test_a_person_confirms_a_self_signed_certificate(newcomer: Newcomer) -> None:
    with newcomer.at_terminal("--no-systemd", "--address", ADDRESS, "--host", newcomer.tls_server) as terminal:
        terminal.expect("is self-signed")
        terminal.expect(r"SHA-256 (?:[0-9A-F]{2}:){31}[0-9A-F]{2}")
        terminal.sendline("y")
        terminal.expect("User name")
        terminal.sendline("bounces")
        terminal.expect("Password")
        terminal.sendline(PASSWORD)
        terminal.expect("Logged in")


def test_an_older_file_goes_only_when_a_person_says_so(newcomer: Newcomer) -> None:
    newcomer.config.parent.mkdir()
    newcomer.config.write_text("# mine\n")
    with newcomer.at_terminal("--no-systemd") as terminal:
        terminal.expect("already exists. Replace it")
        terminal.sendline("")
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 1
    assert newcomer.config.read_text() == "# mine\n"
