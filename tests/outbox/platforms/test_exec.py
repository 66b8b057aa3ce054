"""kind = "exec": real programs, what they are given and what follows from how they end."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.change import change_of
from bounce_watcher.outbox.platform_channel import PlatformChannel
from tests.families import for_each
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now

USER = "user@example.org"
Run = Callable[..., Desk]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "program"


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path, program: Path) -> Run:
    """A desk whose platform is a shell script that does this; its own folder is $1."""

    def make(script: str, more: str = 'timeout = "20s"') -> Desk:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        keys = f'command = ["{program}", "{tmp_path}", "two words; $HOME"]'
        manager = desk_of(configuration("exec", keys, None, tmp_path, more=more))
        desk = manager.__enter__()
        request.addfinalizer(lambda: manager.__exit__(None, None, None))
        return desk

    return make


def given(folder: Path) -> list[list[dict[str, object]]]:
    """What each run was given, in order."""
    runs = sorted(folder.glob("run.*"), key=lambda path: path.stat().st_mtime_ns)
    return [[json.loads(line) for line in path.read_text().splitlines()] for path in runs]


KEEP = 'cat >"$(mktemp "$1/run.XXXXXX")"'


# ── what it is given ────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_batch_is_one_run_and_one_change_a_line(run: Run, tmp_path: Path) -> None:
    desk = run(KEEP)
    desk.suppress(USER, "o'neil@example.org", "grüße@example.org")
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    ((first, *others),) = given(tmp_path)
    assert {change["recipient"] for change in (first, *others)} == {USER, "o'neil@example.org", "grüße@example.org"}
    (item,) = [item for item in desk.items() if item.recipient == first["recipient"]]
    assert first == {
        "id": item.id, "at": change_of(item).at.strftime("%Y-%m-%dT%H:%M:%SZ"), "action": "suppress",
        "recipient": item.recipient, "stream": "news", "scope": "stream", "bounce_type": "hard",
        "reason": "invalid_recipient", "status": None, "diagnostic": None, "because": "1 of 1", "until": None,
        "sequence": item.sequence,
    }


def test_suppressions_and_releases_never_share_a_run(run: Run, tmp_path: Path) -> None:
    desk = run(KEEP)
    desk.suppress(USER, "other@example.org")
    desk.send()
    desk.release(USER)
    desk.suppress("third@example.org")
    desk.send()
    told = [{(change["action"], change["recipient"]) for change in changes} for changes in given(tmp_path)]
    assert told[0] == {("suppress", USER), ("suppress", "other@example.org")}
    assert sorted(map(sorted, told[1:])) == [[("release", USER)], [("suppress", "third@example.org")]]


def test_a_run_for_each_where_it_is_wanted(run: Run, tmp_path: Path) -> None:
    desk = run(KEEP, 'input = "single"')
    desk.suppress(USER, "other@example.org", "third@example.org")
    desk.send()
    assert [len(changes) for changes in given(tmp_path)] == [1, 1, 1]


def test_no_shell_reads_its_arguments_and_it_inherits_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOUNCE_WATCHER_TOKEN", "a secret of ours")
    desk = run('printf "%s" "$2" >"$1/argument"; env >"$1/environment"; ls /proc/self/fd >"$1/files"; pwd >"$1/cwd"; '
               'touch "$1/made"')
    with (tmp_path / "open").open("w"):
        desk.suppress(USER)
        desk.send()
    assert (tmp_path / "argument").read_text() == "two words; $HOME"
    names = {line.partition("=")[0] for line in (tmp_path / "environment").read_text().splitlines()}
    assert names <= {"PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}  # the shell makes the last four by itself
    assert len((tmp_path / "files").read_text().split()) == 4  # the three, and the one of ls
    assert (tmp_path / "cwd").read_text() == "/\n"
    assert (tmp_path / "made").stat().st_mode & 0o077 == 0


def test_a_program_that_reads_nothing_holds_nobody_up(run: Run) -> None:
    desk = run("exit 0")
    desk.suppress(*(f"user{number:04}-{'x' * 40}@example.org" for number in range(1500)))
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}


# ── how it ends ─────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(
    ("script", "state", "answer"),
    [
        ("exit 0", OutboxState.DELIVERED, "exit status 0"),
        ("echo written; exit 0", OutboxState.DELIVERED, "exit status 0: written"),
        ("exit 75", OutboxState.DUE, "exit status 75"),
        ("exit 1", OutboxState.DUE, "exit status 1"),
        ("exit 255", OutboxState.DUE, "exit status 255"),
        ("echo first; echo no such list >&2; exit 65", OutboxState.DEAD, "exit status 65 (data error): no such list"),
        ("kill -9 $$", OutboxState.DUE, "ended by signal 9"),
        (f"echo no place for {USER}; exit 75", OutboxState.DUE, "exit status 75: no place for …@example.org"),
    ],
)
def test_what_follows_from_its_exit_status(run: Run, script: str, state: OutboxState, answer: str) -> None:
    desk = run(script)
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    assert (item.state, item.last_answer) == (state, answer)


def test_of_a_batch_only_what_is_refused_is_lost(run: Run, tmp_path: Path) -> None:
    desk = run('file=$(mktemp "$1/all.XXXXXX"); cat >"$file"; if grep -q bad@ "$file"; then exit 65; fi; '
               'cat "$file" >>"$1/run.taken"')
    others = {f"user{number}@example.org" for number in range(9)}
    desk.suppress(*others, "bad@example.org")
    desk.send(rounds=3)
    (dead,) = desk.items(OutboxState.DEAD)
    assert dead.recipient == "bad@example.org"
    assert {change["recipient"] for change in given(tmp_path)[0]} == others


@pytest.mark.parametrize("what", ["missing", "not executable", "no program"])
def test_a_program_that_can_not_be_run_is_waited_for(run: Run, program: Path, what: str) -> None:
    desk = run("exit 0")
    if what == "missing":
        program.unlink()
    elif what == "not executable":
        program.chmod(0o644)
    else:
        program.write_bytes(b"\x7fELFnonsense")
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    assert item.state is OutboxState.DUE
    assert (item.last_answer or "").startswith("could not be started: ")
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    desk.hurry()
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}


# ── what never happens ──────────────────────────────────────────────────────────────────────────────────────────────

def is_alive(pid: int) -> bool:
    """A zombie that nobody has asked after yet is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int) -> bool:
    for _ in range(200):
        if not is_alive(pid):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("script", ["sleep 300", "trap '' TERM; sleep 300; sleep 300", "while :; do echo x; done"])
def test_who_is_too_slow_is_ended_with_all_its_children(run: Run, tmp_path: Path, script: str) -> None:
    desk = run(f'(trap "" TERM; exec sleep 300) & echo $! >"$1/child"; echo $$ >"$1/parent"; {script}',
               'timeout = "2s"')
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    assert item.state is OutboxState.DUE
    assert (item.last_answer or "").startswith("not done within 2 s")
    assert gone(int((tmp_path / "child").read_text()))
    assert gone(int((tmp_path / "parent").read_text()))


def test_a_child_left_behind_neither_holds_up_nor_stays(run: Run, tmp_path: Path) -> None:
    desk = run('sleep 300 & echo $! >"$1/child"; exit 0')
    desk.suppress(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert gone(int((tmp_path / "child").read_text()))


def test_nothing_of_what_it_writes_piles_up(run: Run) -> None:
    desk = run("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo the last word; exit 75")
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    assert item.last_answer == "exit status 75: the last word"


def test_no_process_of_ours_gets_a_signal(run: Run) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    try:
        desk = run("sleep 300", 'timeout = "1s"')
        desk.suppress(USER)
        desk.send()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == []


def test_no_descriptor_is_left_open(run: Run) -> None:
    desk = run("exit 0")
    channel = PlatformChannel(desk.platform)
    desk.suppress(USER)
    items = desk.items()
    channel.send(items, now())
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        channel.send(items, now())
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    channel.close()


# ── looking at it ───────────────────────────────────────────────────────────────────────────────────────────────────

def test_the_check_looks_at_the_program_and_does_not_run_it(run: Run, tmp_path: Path, program: Path) -> None:
    desk = run('touch "$1/was-run"')
    channel = PlatformChannel(desk.platform)
    assert channel.test(now()).disposition == "delivered"
    assert not (tmp_path / "was-run").exists()
    program.chmod(0o644)
    assert channel.test(now()).disposition != "delivered"
    channel.close()


@pytest.mark.parametrize(("status", "good"), [(0, True), (65, False), (75, False)])
def test_a_check_of_the_operators_own_is_run(run: Run, status: int, good: bool) -> None:
    desk = run("exit 0", f'check = ["/bin/sh", "-c", "exit {status}"]')
    channel = PlatformChannel(desk.platform)
    assert (channel.test(now()).disposition == "delivered") is good
    channel.close()


def test_a_rehearsal_shows_the_command_and_the_lines_and_runs_nothing(run: Run, tmp_path: Path) -> None:
    desk = run('touch "$1/was-run"')
    desk.suppress(USER)
    command, empty, line = desk.platform.rehearse([change_of(item) for item in desk.items()], now()).splitlines()
    assert json.loads(command)[2] == "two words; $HOME"
    assert empty == ""
    assert json.loads(line)["recipient"] == USER
    assert not (tmp_path / "was-run").exists()


@for_each(
    ("lines", "problem"),
    [
        ("", 'line 1: platform[own].command: missing: kind = "exec" needs it'),
        ("command = []",
         'line 4: platform[own].command: is an empty list: write the program and its arguments, such as '
         '["/usr/local/bin/unmail"]'),
        ('command = ["unmail", "--stop"]',
         "line 4: platform[own].command: must begin with the absolute path of the program: no shell and no PATH finds "
         "it"),
        ('command = ["/bin/true"]\ncheck = ["true"]',
         "line 5: platform[own].check: must begin with the absolute path of the program: no shell and no PATH finds "
         "it"),
        ('command = ["/bin/true"]\ninput = "lines"',
         'line 5: platform[own].input: "lines" is not known here: write one of "batch", "single"'),
        ('command = "/bin/true"',
         'line 4: platform[own].command: must be a list in brackets, such as ["…", "…"], not text'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(lines: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(f'[[platform]]\nname = "own"\nkind = "exec"\n{lines}\n', "config.toml", {})
    assert error.value.problems == (problem,)
