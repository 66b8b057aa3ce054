"""The steps of `init` after the mailbox: what follows from a bounce, whom to tell, and the files."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from bounce_watcher.cli.framework.asking import Asker, fits
from bounce_watcher.cli.framework.options import DEFAULT_CONFIG, DEFAULT_LISTEN, DEFAULT_UNITS
from bounce_watcher.cli.framework.output import WrongUsage, complain, count
from bounce_watcher.cli.start.checking import show_check
from bounce_watcher.cli.start.init_mailbox import OpenedMailbox, Options
from bounce_watcher.config import load
from bounce_watcher.config.keys import own_keys, table_of
from bounce_watcher.config.problems import Notes
from bounce_watcher.config.reading import Reader
from bounce_watcher.config.secrets import CREDENTIALS_FOLDER, Sources
from bounce_watcher.config.values import known, split_listen
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.keys import ValueKind
from bounce_watcher.outbox.platform import HttpPlatform
from bounce_watcher.outbox.platforms import kinds, platform_class
from bounce_watcher.service.setup import writing
from bounce_watcher.service.setup.doctor import examine
from bounce_watcher.service.setup.writing import PRIVATE_FOLDER, ConfigDraft, NewFile, put_in_place

WEBHOOK_NAME = "platform"
NOBODY = "-"
SHIPPED_UNITS = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))


# ── where it goes ───────────────────────────────────────────────────────────────────────────────────────────────────

def may_write(ask: Asker, path: Path, *, overwrite: bool) -> bool:
    """Checks whether existing files may be replaced. Raises WrongUsage before asking anything else."""
    above = next(each for each in path.parents if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise WrongUsage(f"{above}: no permission to write there",
                         "run this as root (sudo), or name another place with -c FILE")
    if not os.path.lexists(path) or overwrite:
        return overwrite
    if not ask.attended:
        raise WrongUsage(f"{path} already exists", "use --overwrite to replace it")
    if not ask.yes(f"{path} already exists. Replace it?", None, proposal=False):
        raise typer.Exit(1)
    return True


def with_systemd(ask: Asker, given: Options, path: Path) -> bool:
    runs_here = Path("/run/systemd/system").is_dir() or given.systemd_dir != DEFAULT_UNITS
    usual = path == DEFAULT_CONFIG and os.access(given.systemd_dir, os.W_OK) and runs_here
    if given.systemd is None and not usual:
        return False
    return ask.yes(f"Write a systemd unit to {given.systemd_dir}?", given.systemd, proposal=usual)


def choose_database(given: Options, draft: ConfigDraft, path: Path) -> None:
    url = given.database
    if url is None:
        draft.put("database", url=None if draft.by_credential or path == DEFAULT_CONFIG else "sqlite:///ledger.db")
    elif "@" in url and ":" in url.partition("://")[2].partition("@")[0]:
        draft.keep("database", "url", "database-url", url)
    else:
        draft.put("database", url=url)


# ── what follows from a bounce ──────────────────────────────────────────────────────────────────────────────────────

def ask_return_path(ask: Asker, given: Options, draft: ConfigDraft, mailbox: OpenedMailbox) -> None:
    is_address = fits(ValueKind.ADDRESS)
    answer = ask.text(
        "Return path of your mail (- for none)", "--return-path", given.return_path,
        mailbox.address or "-", lambda text: "" if text in ("", "-") else is_address(text),
    )
    if answer in ("", "-"):
        if given.sign:
            raise WrongUsage("--sign needs --return-path, the address that carries signatures")
        return
    draft.put("attribution", return_path=answer)
    _ask_key(ask, given, draft)


def _ask_key(ask: Asker, given: Options, draft: ConfigDraft) -> None:
    """Makes a key unless the platform can't use it. Unsigned bounces still count until a person says otherwise.

    Otherwise true bounces of a platform that signs nothing yet would no longer count, and nobody would notice.
    """
    question = "Can your platform give each mail its own return path, now or later (README, Signed return paths)?"
    if not ask.yes(question, given.sign, proposal=True):
        return
    draft.keep("attribution", "token_key", "token-key", writing.random_key())
    question = "Does it already sign every mail, so that unsigned bounces need not count?"
    if not ask.yes(question, given.sign, proposal=False):
        draft.put("policy.evidence", **dict.fromkeys(("hard", "soft", "complaint"), Evidence.REPORT.value))


def ask_web(ask: Asker, given: Options, draft: ConfigDraft) -> None:
    wanted = True if given.listen else given.web
    question = "Listen for HTTP on this machine (the dashboard, health, and what your platform reports)?"
    if ask.yes(question, wanted, proposal=True):
        listen = given.listen or DEFAULT_LISTEN
        draft.put("web", listen=ask.text("Address", "--listen", listen, DEFAULT_LISTEN, _listens))
        draft.keep("web", "token", "web-token", writing.random_key())


def _listens(text: str) -> str:
    split_listen(text)
    return text


# ── whom to tell ────────────────────────────────────────────────────────────────────────────────────────────────────

def ask_target(ask: Asker, webhook: str | None, platform: str | None, keys: list[str], draft: ConfigDraft) -> bool:
    """Stores the target to notify. Returns whether there is one."""
    if webhook and platform:
        raise WrongUsage("--webhook and --platform: init writes only one of them", "add the other to the file")
    answer = ask.text(
        f"Where to send suppressions: a webhook's https://… address, a platform ({', '.join(kinds())}), or {NOBODY} "
        "for nobody", "--webhook" if webhook else "--platform", webhook or platform, NOBODY, _target,
    )
    if answer in ("", NOBODY):
        return False
    if "://" in answer:
        draft.put("webhook", name=WEBHOOK_NAME)
        if "?" in answer:  # receivers may put the key that identifies the sender there
            draft.keep("webhook", "url", "webhook-url", answer)
        else:
            draft.put("webhook", url=answer)
        draft.keep("webhook", "secret", "webhook-secret", writing.webhook_secret())
    else:
        _ask_platform(ask, answer, _given(keys), draft)
    return True


def _target(text: str) -> str:
    if text in ("", NOBODY):
        return text
    return fits(ValueKind.URL)(text) if "://" in text else known(text, kinds())


def _given(keys: list[str]) -> dict[str, str]:
    wrong = next((each for each in keys if "=" not in each), None)
    if wrong is not None:
        raise WrongUsage(f"--platform-key: {wrong!r} is not KEY=VALUE")
    return {key: value for key, _, value in (each.partition("=") for each in keys)}


def _ask_platform(ask: Asker, kind: str, given: dict[str, str], draft: ConfigDraft) -> None:
    """Asks for the settings of the platform's kind until they are valid."""
    while True:
        values, secrets = _keys(ask, kind, dict(given))
        written: dict[str, Any] = {"name": kind, "kind": kind, **values}
        notes = Notes()
        Reader(Sources({}, Path.cwd()), notes).settings(table_of(HttpPlatform), {**written, **secrets}, ("platform", 0))
        if not notes.problems:
            break
        path, text = notes.problems[0]
        told = f"{kind}: {path[-1]}: {text}; see the page on {kind}, and --platform-key"
        if not ask.attended or given:
            raise WrongUsage(told)
        complain(told)
    draft.put("platform", **written)
    for key, secret in secrets.items():
        draft.keep("platform", key, f"{kind}-{key.replace('_', '-')}", secret)


def _keys(ask: Asker, kind: str, given: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for key, field in own_keys(platform_class(kind)).items():
        needed = field.is_needed
        if field.is_secret:
            file = given.pop(f"{key}_file", None)
            if file is not None or needed:
                secrets[key] = ask.secret(f"{kind}: {key}", f"--platform-key {key}_file=FILE", file)
        elif needed or key in given:
            shown = f" (such as {field.example})" if field.example else ""
            values[key] = _read(ask.text(f"{kind}: {key}{shown}", f"--platform-key {key}=…", given.pop(key, None)))
    return {**values, **{key: _read(text) for key, text in given.items()}}, secrets


def _read(text: str) -> str | int | bool:
    """Reads a value as the file has it: numbers and true or false without quotes."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isascii() and text.isdecimal() and text == str(int(text)) else text


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def write(draft: ConfigDraft, path: Path, units: Path, *, overwrite: bool) -> None:
    """Writes the files. Stages the unit first, so that any obstacle shows before a file is in place."""
    def configuration(_: Path = path) -> None:
        put_in_place(path.parent, writing.new_files(draft, path.name), overwrite=overwrite, check=check)

    def check(stage: Path) -> None:
        settings = writing.checked(stage, path)
        if "database" in draft.tables and not settings.database_url.get_secret_value().startswith("sqlite"):
            Ledger.connect(settings.database_url.get_secret_value()).close()

    if not draft.by_credential:
        configuration()
        return
    put_in_place(units, _unit_files(draft, path, units), overwrite=overwrite, check=configuration)


def _unit_files(draft: ConfigDraft, path: Path, units: Path) -> Sequence[NewFile]:
    dropped = NewFile(writing.DROP_IN, writing.drop_in(_program(), path, list(draft.secrets)))
    is_there = any((folder / writing.UNIT).exists() for folder in (units, *SHIPPED_UNITS))
    return (dropped,) if is_there else (NewFile(writing.UNIT, writing.unit_text()), dropped)


def _program() -> Path:
    beside = Path(sys.prefix) / "bin" / "bounce-watcher"
    found = beside if beside.exists() else shutil.which("bounce-watcher")
    if found is None:
        raise WrongUsage("the program bounce-watcher is not installed, so a unit cannot start it", "see: pip install")
    return Path(found)


def tell(ask: Asker, draft: ConfigDraft, path: Path, units: Path) -> None:
    settings = load(path)
    ledger = settings.database_url.get_secret_value()
    if ledger.startswith("sqlite:///") and not (folder := Path(ledger.removeprefix("sqlite:///")).parent).exists():
        folder.mkdir(PRIVATE_FOLDER, parents=True)
    ask.note()
    ask.note(f"wrote {path}, and {count(len(draft.secrets), 'secret')} in {path.parent / CREDENTIALS_FOLDER}")
    if "webhook-secret" in draft.secrets:
        secret = path.parent / CREDENTIALS_FOLDER / "webhook-secret"
        ask.note(f"the receiver of the webhook verifies with the secret in {secret}")
    ask.note()
    for check in examine(settings):
        show_check(check)
    named = "" if path == DEFAULT_CONFIG else f" -c {path}"
    ask.note()
    ask.note("next:")
    ask.note(f"bounce-watcher poll{named}  # one pass, as a first try", indent=2)
    if draft.by_credential:
        ask.note(f"systemctl daemon-reload && systemctl enable --now bounce-watcher  # unit in {units}", indent=2)
        if any(str(_program()).startswith(home) for home in ("/home/", "/root/")):
            ask.note(f"but first install the program elsewhere: the unit can't see {_program()}", indent=2)
    else:
        ask.note(f"bounce-watcher run{named}  # the service, in the foreground", indent=2)
    if settings.web is not None:
        host = f"[{settings.web.host}]" if ":" in settings.web.host else settings.web.host
        token = path.parent / CREDENTIALS_FOLDER / "web-token"
        ask.note(f"http://{host}:{settings.web.port}/  # the dashboard, once the service runs", indent=2)
        ask.note(f"sign in there with the token in {token}", indent=2)
