"""README says what is so: its commands, its configuration, its files."""

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bounce_watcher.cli.main import main
from bounce_watcher.config import parse
from bounce_watcher.config.keys import known_keys, places_of, table_at
from bounce_watcher.model.ledger import NoticeType
from bounce_watcher.outbox.backoff import SCHEDULE
from bounce_watcher.outbox.notifier import understood
from tests.docs.pages import README, ROOT, blocks, invocations, marked, spans
from tests.families import for_each
from tests.servers.receiver import SECRET

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONFIGURATION, PLATFORM, POSTGRESQL, NOTIFY = (block.text for block in blocks(README, "toml"))
CALLS = invocations(README)


# ── the two commands ────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("mark", ["demo", "tests"])
def test_the_two_commands_stand_on_one_line_and_install_what_is_locked(mark: str) -> None:
    line = marked(README, mark).text.strip()
    assert "\n" not in line
    locked, ours = (part for part in line.split(" && ") if "/pip install -q " in part)
    assert re.fullmatch(r"\S+ install -q --require-hashes( -r \S+)+", locked)
    assert re.fullmatch(r"\S+ install -q --no-deps --no-build-isolation (-e )?\.", ours)
    for lock in re.findall(r" -r (\S+)", locked):
        assert (ROOT / lock).is_file(), f"{lock} is not there"


def test_what_the_two_commands_start_is_there() -> None:
    assert marked(README, "demo").text.strip().endswith("/bin/bounce-watcher demo")
    assert PROJECT["scripts"]["bounce-watcher"] == "bounce_watcher.cli.main:main"
    assert marked(README, "tests").text.strip().endswith("/bin/python -m tests")
    assert (ROOT / "tests" / "__main__.py").is_file()
    assert PROJECT["requires-python"] == ">=3.11"
    assert "Python 3.11 or newer" in README


def test_the_receiver_needs_what_it_says() -> None:
    assert "`pip install flask standardwebhooks`" in README
    imported = set(re.findall(r"^from (\w+) import", marked(README, "receiver").text, re.MULTILINE))
    assert imported == {"flask", "standardwebhooks"}


# ── the command line ────────────────────────────────────────────────────────────────────────────────────────────────

@for_each("words", CALLS, ids=" ".join)
def test_every_command_is_there_and_has_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    options = [word for word in words if word.startswith("-")]
    arguments = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
    assert main([*arguments, "--help"]) == 0, capsys.readouterr().err
    told = capsys.readouterr().out
    assert not arguments or "COMMAND [ARGS]" not in told, f"{arguments} is a group of commands"
    assert [option for option in options if option not in told] == []


def test_a_command_that_is_not_there_would_be_found_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "resend", "--help"]) == 2
    assert main(["watch", "--help"]) == 2


def test_the_commands_of_a_first_day_are_among_them() -> None:
    told = {words[0] for words in CALLS}
    assert told >= {"demo", "classify", "explain", "check-config", "doctor", "poll", "run", "import", "suppressions",
                    "recipients", "events", "outbox", "db"}


# ── the configuration ───────────────────────────────────────────────────────────────────────────────────────────────

@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """Stands for /etc/bounce-watcher, with the secrets that README keeps there."""
    for name, secret in {"imap-password": "hunter2", "webhook-secret": SECRET}.items():
        (tmp_path / name).write_text(f"{secret}\n")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def test_the_first_configuration_is_accepted(etc: Path) -> None:
    settings = parse(CONFIGURATION.replace("/etc/bounce-watcher", str(etc)), "README", {}, etc)
    assert settings.warnings == ()
    assert [account.host for account in settings.mailboxes] == ["imap.example.com"]
    assert [target.url for target in settings.webhooks] == ["https://platform.example.com/hooks/bounces"]


def test_a_platform_may_stand_beside_it(etc: Path) -> None:
    (etc / "mailchimp-key").write_text("0123456789abcdef0123456789abcdef-us21\n")
    first = CONFIGURATION.replace("/etc/bounce-watcher", str(etc))
    (platform,) = parse(first + PLATFORM, "README", {}, etc).platforms
    assert (platform.name, platform.kind) == ("newsletter", "mailchimp")


def test_a_notifier_may_stand_beside_it(etc: Path) -> None:
    url = NOTIFY.partition("# ")[2].strip()
    (etc / "notify-url").write_text(url)
    first = CONFIGURATION.replace("/etc/bounce-watcher", str(etc))
    (notifier,) = parse(first + NOTIFY, "README", {}, etc).notifiers
    assert understood(notifier)
    assert notifier.every == timedelta(minutes=15)


def test_the_folders_it_names_are_those_of_the_first_configuration(etc: Path) -> None:
    (account,) = parse(CONFIGURATION.replace("/etc/bounce-watcher", str(etc)), "README", {}, etc).mailboxes
    for folder in (account.processed_folder, account.review_folder, account.quarantine_folder):
        assert f"`{folder}`" in README


def test_the_database_for_postgresql_is_accepted(etc: Path) -> None:
    first = CONFIGURATION.replace("/etc/bounce-watcher", str(etc))
    (sqlite,) = re.findall(r"^\[database\]\nurl = .*\n", first, re.MULTILINE)
    settings = parse(first.replace(sqlite, POSTGRESQL), "README", {}, etc)
    assert settings.database_url.get_secret_value() == "postgresql+psycopg://bounce_watcher@/bounce_watcher"


def leaves(data: Mapping[str, Any], path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for key, value in data.items():
        tables = value if isinstance(value, list) else [value]
        for table in tables:
            if isinstance(table, dict):
                yield from leaves(table, (*path, key))
            else:
                yield (*path, key)


def test_every_key_is_known() -> None:
    shown = [path for text in (CONFIGURATION, POSTGRESQL) for path in leaves(tomllib.loads(text))]
    assert len(shown) > 7
    for path in shown:
        model = table_at(path[:-1])
        assert model is not None, path
        assert path[-1] in known_keys(model), path


def test_every_key_amid_the_text_is_known() -> None:
    named = {match[1] for span in spans(README) if (match := re.match(r"([a-z_]+) = ", span))}
    assert named == {"format", "mode", "password_credential", "return_path_delimiter"}
    assert all(map(places_of, named))
    (trailing,) = re.findall(r"# or (.*)$", POSTGRESQL, re.MULTILINE)
    assert all(map(places_of, trailing.split(", ")))


# ── what else it says ───────────────────────────────────────────────────────────────────────────────────────────────

def test_every_file_that_it_points_at_is_there() -> None:
    linked = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    copied = re.findall(r"\bcp (\S+)", README)
    assert linked
    assert copied
    missing = [name for name in (*linked, *copied, ".ci/run") if not (ROOT / name).exists()]
    assert missing == []


def test_the_types_of_webhooks_are_ours() -> None:
    named = set(re.findall(r"`((?:recipient|bounce|complaint|alert|endpoint)\.\w+)`", README))
    assert named >= {NoticeType.SUPPRESSED, NoticeType.RELEASED, NoticeType.BOUNCE, NoticeType.COMPLAINT}
    assert named <= set(NoticeType)


def test_the_pauses_between_tries_are_ours() -> None:
    (text,) = re.findall(r"tried again after (.*?), then kept", " ".join(README.split()))
    units = {"s": 1, "m": 60, "h": 3600}
    told = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) ([smh])\b", text)]
    assert told == [pause.total_seconds() for pause in SCHEDULE]
