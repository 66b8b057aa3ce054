"""`init`: writes a first configuration, tried out before it is written."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher import logs
from bounce_watcher.cli.framework.opening import config_path
from bounce_watcher.cli.framework.options import DEFAULT_CONFIG, ConfigFile, example
from bounce_watcher.cli.framework.output import WrongUsage, count
from bounce_watcher.cli.start.checking import show_check
from bounce_watcher.cli.start.init_options import Options
from bounce_watcher.config.values import split_listen
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.keys import ValueKind
from bounce_watcher.service.setup.installing import PRIVATE_FOLDER, NewFile, put_in_place

if TYPE_CHECKING:
    from bounce_watcher.cli.framework.asking import Asker
    from bounce_watcher.cli.start.init_mailbox import OpenedMailbox
    from bounce_watcher.service.setup.writing import ConfigDraft

app = typer.Typer()

UNITS = Path("/etc/systemd/system")
SHIPPED_UNITS = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
LISTEN = "127.0.0.1:8025"

_mailbox = partial(typer.Option, rich_help_panel="The mailbox")
_telling = partial(typer.Option, rich_help_panel="What follows")
_writing = partial(typer.Option, rich_help_panel="What is written")


@app.command(
    epilog=example("init --yes --address bounces@example.com --password-file password.txt --webhook "
                   "https://platform.example.com/hooks/bounces")
)
def init(  # noqa: PLR0913, PLR0917 - an option for each question
    ctx: typer.Context,
    address: Annotated[str | None, _mailbox(metavar="ADDRESS", help="Mail address that receives bounces.")] = None,
    host: Annotated[str | None, _mailbox(
        metavar="HOST[:PORT]", help="Its IMAP server, if it can't be detected.")] = None,
    security: Annotated[str | None, _mailbox(
        metavar="KIND", help="tls, starttls or none (this machine only), if it can't be detected.")] = None,
    username: Annotated[str | None, _mailbox(metavar="NAME", help="User name, if it is not the address.")] = None,
    password_file: Annotated[str | None, _mailbox(
        metavar="FILE", help="File with the password; - for standard input.")] = None,
    ca_file: Annotated[Path | None, _mailbox(metavar="FILE", help="Certificate authority (PEM) of the server.")] = None,
    trust_certificate: Annotated[str | None, _mailbox(
        metavar="SHA256", help="Fingerprint of the server's self-signed certificate.")] = None,
    tenant: Annotated[str | None, _mailbox(
        metavar="TENANT", help="OAuth2 with Microsoft 365: tenant id or domain.")] = None,
    token_url: Annotated[str | None, _mailbox(metavar="URL", help="OAuth2 elsewhere: token endpoint.")] = None,
    scope: Annotated[str | None, _mailbox(
        metavar="SCOPE", help="OAuth2: scope, if not the provider's default.")] = None,
    client_id: Annotated[str | None, _mailbox(metavar="ID", help="OAuth2: client id.")] = None,
    client_secret_file: Annotated[str | None, _mailbox(
        metavar="FILE", help="OAuth2: file with the client secret.")] = None,
    refresh_token_file: Annotated[str | None, _mailbox(
        metavar="FILE", help="OAuth2: file with the refresh token.")] = None,
    folder: Annotated[str | None, _mailbox(metavar="FOLDER", help="Folder to watch; separate levels with /.")] = None,
    stream: Annotated[str | None, _mailbox(
        metavar="STREAM", help="Name for what is counted and suppressed together.")] = None,
    return_path: Annotated[str | None, _telling(
        metavar="ADDRESS", help='Return path of your mail; "" for none.')] = None,
    sign: Annotated[bool | None, _telling(
        "--sign/--no-sign",
        help="Make a key for signed return paths, and count only signed reports. By default unsigned ones count too."
    )] = None,
    webhook: Annotated[str | None, _telling(metavar="URL", help="Address of the webhook for suppressions.")] = None,
    platform: Annotated[str | None, _telling(
        metavar="KIND", help="Platform whose list is managed, such as mailchimp.")] = None,
    platform_key: Annotated[list[str], _telling(
        metavar="KEY=VALUE", help="Setting of that platform; a secret as api_key_file=FILE. May be repeated.")] = [],  # noqa: B006 - typer's way
    shadow: Annotated[bool | None, _telling(
        "--shadow/--enforce", help="Decide and record, but notify nobody yet.")] = None,
    web: Annotated[bool | None, _telling(
        "--web/--no-web", help="Listen for HTTP: dashboard, health checks, and reports from the platform.")] = None,
    listen: Annotated[str | None, _telling(metavar="HOST:PORT", help=f"Address to listen on, if not {LISTEN}.")] = None,
    database: Annotated[str | None, _writing(
        metavar="URL", help="Database, such as postgresql://user@host/name.")] = None,
    systemd: Annotated[bool | None, _writing(
        "--systemd/--no-systemd", help="Write a systemd unit; secrets become its credentials.")] = None,
    systemd_dir: Annotated[Path, _writing(metavar="FOLDER", help="Folder for units.")] = UNITS,
    overwrite: Annotated[bool, _writing("--overwrite", metavar="", help="Overwrite existing files.")] = False,
    yes: Annotated[bool, _writing("--yes", "-y", metavar="", help="Ask nothing: accept all defaults.")] = False,
    config: ConfigFile = None,
) -> None:
    """Writes a first configuration: asks for a mailbox, tries the log-in, keeps secrets in private files.

    Finds the server from the address, checks folders and capabilities, and offers a systemd unit. Every answer can be
    given as an option; with --yes it asks nothing. It overwrites nothing without asking, and leaves nothing behind if
    it fails.
    """
    from bounce_watcher.cli.framework.asking import Asker, attended
    from bounce_watcher.cli.start.init_mailbox import ask_mailbox
    from bounce_watcher.cli.start.init_target import ask_target
    from bounce_watcher.service.setup.writing import ConfigDraft

    logs.configure("critical", "console")
    given = Options(**{each.name: ctx.params[each.name] for each in fields(Options)})
    path = config_path(config).absolute()
    ask = Asker(attended=attended(take_proposals=yes))
    overwrite = _may_write(ask, path, overwrite=overwrite)
    draft = ConfigDraft(by_credential=_with_systemd(ask, given, path))
    mailbox = ask_mailbox(ask, given, draft)
    _ask_return_path(ask, given, draft, mailbox)
    if ask_target(ask, given.webhook, given.platform, given.platform_key, draft) and ask.yes(
        "Decide and record only, and notify nobody yet (shadow mode)?", given.shadow, proposal=False
    ):
        draft.put("policy", mode="shadow")
    _ask_web(ask, given, draft)
    _choose_database(given, draft, path)
    _write(draft, path, given.systemd_dir, overwrite=overwrite)
    _tell(ask, draft, path, given.systemd_dir)


# ── where it goes ───────────────────────────────────────────────────────────────────────────────────────────────────

def _may_write(ask: Asker, path: Path, *, overwrite: bool) -> bool:
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


def _with_systemd(ask: Asker, given: Options, path: Path) -> bool:
    runs_here = Path("/run/systemd/system").is_dir() or given.systemd_dir != UNITS
    usual = path == DEFAULT_CONFIG and os.access(given.systemd_dir, os.W_OK) and runs_here
    if given.systemd is None and not usual:
        return False
    return ask.yes(f"Write a systemd unit to {given.systemd_dir}?", given.systemd, proposal=usual)


def _choose_database(given: Options, draft: ConfigDraft, path: Path) -> None:
    url = given.database
    if url is None:
        draft.put("database", url=None if draft.by_credential or path == DEFAULT_CONFIG else "sqlite:///ledger.db")
    elif "@" in url and ":" in url.partition("://")[2].partition("@")[0]:
        draft.keep("database", "url", "database-url", url)
    else:
        draft.put("database", url=url)


# ── what follows from a bounce ──────────────────────────────────────────────────────────────────────────────────────

def _ask_return_path(ask: Asker, given: Options, draft: ConfigDraft, mailbox: OpenedMailbox) -> None:
    from bounce_watcher.cli.framework.asking import fits

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
    from bounce_watcher.service.setup import writing

    question = "Can your platform give each mail its own return path, now or later (README, Signed return paths)?"
    if not ask.yes(question, given.sign, proposal=True):
        return
    draft.keep("attribution", "token_key", "token-key", writing.random_key())
    question = "Does it already sign every mail, so that unsigned bounces need not count?"
    if not ask.yes(question, given.sign, proposal=False):
        draft.put("policy.evidence", **dict.fromkeys(("hard", "soft", "complaint"), Evidence.REPORT.value))


def _ask_web(ask: Asker, given: Options, draft: ConfigDraft) -> None:
    from bounce_watcher.service.setup import writing

    wanted = True if given.listen else given.web
    question = "Listen for HTTP on this machine (the dashboard, health, and what your platform reports)?"
    if ask.yes(question, wanted, proposal=True):
        draft.put("web", listen=ask.text("Address", "--listen", given.listen or LISTEN, LISTEN, _listens))
        draft.keep("web", "token", "web-token", writing.random_key())


def _listens(text: str) -> str:
    split_listen(text)
    return text


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def _write(draft: ConfigDraft, path: Path, units: Path, *, overwrite: bool) -> None:
    """Writes the files. Stages the unit first, so that any obstacle shows before a file is in place."""
    from bounce_watcher.ledger.store import Ledger
    from bounce_watcher.service.setup import writing

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
    from bounce_watcher.service.setup import writing

    dropped = NewFile(writing.DROP_IN, writing.drop_in(_program(), path, list(draft.secrets)))
    is_there = any((folder / writing.UNIT).exists() for folder in (units, *SHIPPED_UNITS))
    return (dropped,) if is_there else (NewFile(writing.UNIT, writing.unit_text()), dropped)


def _program() -> Path:
    beside = Path(sys.prefix) / "bin" / "bounce-watcher"
    found = beside if beside.exists() else shutil.which("bounce-watcher")
    if found is None:
        raise WrongUsage("the program bounce-watcher is not installed, so a unit cannot start it", "see: pip install")
    return Path(found)


def _tell(ask: Asker, draft: ConfigDraft, path: Path, units: Path) -> None:
    from bounce_watcher.config import load
    from bounce_watcher.config.secrets import CREDENTIALS_FOLDER
    from bounce_watcher.service.setup.doctor import examine

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
