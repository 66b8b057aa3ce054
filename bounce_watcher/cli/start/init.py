"""`init`: writes a first configuration, tried out before it is written."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bounce_watcher import logs
from bounce_watcher.cli.framework.opening import config_path
from bounce_watcher.cli.framework.options import DEFAULT_LISTEN, DEFAULT_UNITS, ConfigFile, example, option

app = typer.Typer()

_mailbox = partial(option, rich_help_panel="The mailbox")
_telling = partial(option, rich_help_panel="What follows")
_writing = partial(option, rich_help_panel="What is written")


@app.command(
    epilog=example("init --yes --address bounces@example.com --password-file password.txt --webhook "
                   "https://platform.example.com/hooks/bounces")
)
def init(  # noqa: PLR0913, PLR0917 - an option for each question
    ctx: typer.Context,
    address: Annotated[str | None, _mailbox("ADDRESS", "Mail address that receives bounces.")] = None,
    host: Annotated[str | None, _mailbox("HOST[:PORT]", "Its IMAP server, if it can't be detected.")] = None,
    security: Annotated[str | None, _mailbox(
        "KIND", "tls, starttls or none (this machine only), if it can't be detected.")] = None,
    username: Annotated[str | None, _mailbox("NAME", "User name, if it is not the address.")] = None,
    password_file: Annotated[str | None, _mailbox("FILE", "File with the password; - for standard input.")] = None,
    ca_file: Annotated[Path | None, _mailbox("FILE", "Certificate authority (PEM) of the server.")] = None,
    trust_certificate: Annotated[str | None, _mailbox(
        "SHA256", "Fingerprint of the server's self-signed certificate.")] = None,
    tenant: Annotated[str | None, _mailbox("TENANT", "OAuth2 with Microsoft 365: tenant id or domain.")] = None,
    token_url: Annotated[str | None, _mailbox("URL", "OAuth2 elsewhere: token endpoint.")] = None,
    scope: Annotated[str | None, _mailbox("SCOPE", "OAuth2: scope, if not the provider's default.")] = None,
    client_id: Annotated[str | None, _mailbox("ID", "OAuth2: client id.")] = None,
    client_secret_file: Annotated[str | None, _mailbox("FILE", "OAuth2: file with the client secret.")] = None,
    refresh_token_file: Annotated[str | None, _mailbox("FILE", "OAuth2: file with the refresh token.")] = None,
    folder: Annotated[str | None, _mailbox("FOLDER", "Folder to watch; separate levels with /.")] = None,
    stream: Annotated[str | None, _mailbox("STREAM", "Name for what is counted and suppressed together.")] = None,
    return_path: Annotated[str | None, _telling("ADDRESS", 'Return path of your mail; "" for none.')] = None,
    sign: Annotated[bool | None, _telling(
        None, "Make a key for signed return paths, and count only signed reports. By default unsigned ones count too.",
        "--sign/--no-sign")] = None,
    webhook: Annotated[str | None, _telling("URL", "Address of the webhook for suppressions.")] = None,
    platform: Annotated[str | None, _telling("KIND", "Platform whose list is managed, such as mailchimp.")] = None,
    platform_key: Annotated[list[str], _telling(
        "KEY=VALUE", "Setting of that platform; a secret as api_key_file=FILE. May be repeated.")] = [],  # noqa: B006 - typer's way
    shadow: Annotated[bool | None, _telling(
        None, "Decide and record, but notify nobody yet.", "--shadow/--enforce")] = None,
    web: Annotated[bool | None, _telling(
        None, "Listen for HTTP: dashboard, health checks, and reports from the platform.", "--web/--no-web")] = None,
    listen: Annotated[str | None, _telling("HOST:PORT", f"Address to listen on, if not {DEFAULT_LISTEN}.")] = None,
    database: Annotated[str | None, _writing("URL", "Database, such as postgresql://user@host/name.")] = None,
    systemd: Annotated[bool | None, _writing(
        None, "Write a systemd unit; secrets become its credentials.", "--systemd/--no-systemd")] = None,
    systemd_dir: Annotated[Path, _writing("FOLDER", "Folder for units.")] = DEFAULT_UNITS,
    overwrite: Annotated[bool, _writing("", "Overwrite existing files.", "--overwrite")] = False,
    yes: Annotated[bool, _writing("", "Ask nothing: accept all defaults.", "--yes", "-y")] = False,
    config: ConfigFile = None,
) -> None:
    """Writes a first configuration: asks for a mailbox, tries the log-in, keeps secrets in private files.

    Finds the server from the address, checks folders and capabilities, and offers a systemd unit. Every answer can be
    given as an option; with --yes it asks nothing. It overwrites nothing without asking, and leaves nothing behind if
    it fails.
    """
    from bounce_watcher.cli.framework.asking import Asker, attended
    from bounce_watcher.cli.start import init_steps as steps
    from bounce_watcher.cli.start.init_mailbox import Options, ask_mailbox
    from bounce_watcher.service.setup.writing import ConfigDraft

    logs.configure("critical", "console")
    given = Options(**{each.name: ctx.params[each.name] for each in fields(Options)})
    path = config_path(config).absolute()
    ask = Asker(attended=attended(take_proposals=yes))
    overwrite = steps.may_write(ask, path, overwrite=overwrite)
    draft = ConfigDraft(by_credential=steps.with_systemd(ask, given, path))
    mailbox = ask_mailbox(ask, given, draft)
    steps.ask_return_path(ask, given, draft, mailbox)
    if steps.ask_target(ask, given.webhook, given.platform, given.platform_key, draft) and ask.yes(
        "Decide and record only, and notify nobody yet (shadow mode)?", given.shadow, proposal=False
    ):
        draft.put("policy", mode="shadow")
    steps.ask_web(ask, given, draft)
    steps.choose_database(given, draft, path)
    steps.write(draft, path, given.systemd_dir, overwrite=overwrite)
    steps.tell(ask, draft, path, given.systemd_dir)
