"""The address of a webhook may hold a key: no command shows it, whatever goes wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.servers.receiver import Received, Receiver, Reply

HIDDEN = "x7Y-secret-of-the-path"
QUERY = "k3y-in-the-query"
COMMANDS = (
    ("check-config",), ("doctor",), ("doctor", "--json"), ("outbox", "test", "platform"),
    ("outbox", "test", "platform", "--dry-run"), ("poll",), ("--debug", "poll"), ("outbox", "list"),
    ("outbox", "list", "--json"), ("outbox", "retry", "--dry-run"),
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    it = Receiver()
    it.start()
    yield it
    it.stop()


def echo(asked: Received) -> Reply:
    """What many servers do: the page of an error repeats the address."""
    return Reply(404, body=f"The requested URL {asked.path} was not found".encode())


def moved(asked: Received) -> Reply:
    return Reply(301, headers={"Location": f"{asked.path}/"})


def said(program: Program, command: tuple[str, ...]) -> str:
    options = [each for each in command if each == "--debug"]
    done = program.ledger(*(each for each in command if each not in options), *options)
    assert done.status in {0, 1}, done.err
    return done.out + done.err


@pytest.mark.parametrize("source", ["url_file", "url_env", "url_credential"])
@pytest.mark.parametrize("answer", [echo, moved], ids=["echoed", "moved"])
def test_a_url_that_is_a_secret_is_shown_by_its_host_alone(
    filled: Program, receiver: Receiver, source: str, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(answer)
    receiver.always(answer)
    url = f"http://127.0.0.1:{receiver.port}/services/{HIDDEN}?key={QUERY}"
    given = {"url_file": "hook-url", "url_env": "HOOK_URL", "url_credential": "hook-url"}[source]
    (filled.folder / "hook-url").write_text(f"{url}\n")
    monkeypatch.setenv("HOOK_URL", url)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(filled.folder))
    configure(filled, f'{source} = "{given}"')
    for command in COMMANDS:
        shown = said(filled, command)
        assert HIDDEN not in shown, command
        assert QUERY not in shown, command
    assert f"http://127.0.0.1:{receiver.port}/…" in said(filled, ("check-config",))
    assert receiver.requests[-1].path == f"/services/{HIDDEN}?key={QUERY}", "it is really used"
    assert filled.ledger("outbox", "list", "--json").rows[0]["last_answer"]


@pytest.mark.parametrize("answer", [echo, moved], ids=["echoed", "moved"])
def test_a_url_in_the_configuration_is_shown_without_its_query(
    filled: Program, receiver: Receiver, answer: object
) -> None:
    assert callable(answer)
    receiver.always(answer)
    configure(filled, f'url = "http://127.0.0.1:{receiver.port}/hook?key={QUERY}"')
    for command in COMMANDS:
        assert QUERY not in said(filled, command), command
    assert f"http://127.0.0.1:{receiver.port}/hook?…" in said(filled, ("check-config",))


def test_a_configuration_that_all_can_read_and_holds_a_query_is_warned_of(program: Program) -> None:
    program.config.chmod(0o644)
    configure(program, 'url = "https://h.example/hook"')
    text = program.config.read_text().replace('password = "secret-of-the-mailbox"', 'password_file = "pw"')
    (program.folder / "pw").write_text("x")
    (program.folder / "pw").chmod(0o600)
    text = text.replace('secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"', 'secret_file = "sec"')
    (program.folder / "sec").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    (program.folder / "sec").chmod(0o600)
    program.config.write_text(text)
    assert "holds secrets" not in said(program, ("check-config",))
    program.config.write_text(text.replace("/hook", f"/hook?key={QUERY}"))
    assert "holds secrets and can be read by every user" in said(program, ("check-config",))


@pytest.mark.parametrize(("line", "problem"), [
    ('url_file = "nowhere"', "webhook[platform].url_file: "),
    ('url_env = "NO_SUCH_URL"', "webhook[platform].url_env: there is no environment variable NO_SUCH_URL"),
    ('url_file = "bad-url"', "webhook[platform].url_file: is not a web address"),
    ('url_file = "bad-url"\nurl = "https://h.example/"', "is set together with url"),
    ("", "webhook[platform].url: missing: add url ="),
    ("url = 7", "webhook[platform].url: must be text in quotes"),
])
def test_a_url_that_cannot_be_had_is_told_of_by_its_key(program: Program, line: str, problem: str) -> None:
    (program.folder / "bad-url").write_text(f"ftp://{HIDDEN}")
    configure(program, line)
    done = program.ledger("check-config")
    assert done.status == 2
    assert problem in done.err
    assert HIDDEN not in done.err


def configure(program: Program, line: str) -> None:
    path: Path = program.config
    path.write_text(path.read_text().replace('url = "http://127.0.0.1:9/hook"', line))
