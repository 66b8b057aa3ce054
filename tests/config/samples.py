"""Small configuration files to change one thing in."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bounce_watcher.config import Settings, parse
from bounce_watcher.model.errors import ConfigError

PASSWORD = "correct horse battery"
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLDER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
TOKEN_KEY = "a key of 32 characters, or more."
ACTING, LOOKING = "T+vNZ2BnuMtgJHOiWJBXUsrxd1qFVJ0c", "8f1c2be07d5a4936b1e2c4d7f0a95368"

MAILBOX = f"""\
[[mailbox]]
name = "returns"
host = "imap.example.com"
username = "bounces@example.com"
password = "{PASSWORD}"
"""
OAUTH2 = """\
[mailbox.oauth2]
grant = "client_credentials"
token_url = "https://login.example.com/token"
client_id = "4711"
client_secret = "s3cret-of-the-app"
"""
WEBHOOK = f"""\
[[webhook]]
name = "platform"
url = "https://platform.example.com/hooks"
secret = "{SIGNING}"
"""


def mailbox(*changes: str) -> str:
    return changed(MAILBOX, *changes)


def oauth2(*changes: str) -> str:
    """A mailbox that logs in by OAuth2."""
    return changed(MAILBOX, "- password") + changed(OAUTH2, *changes)


def webhook(*changes: str) -> str:
    """A sound mailbox and a webhook; the webhook begins on line 6."""
    return MAILBOX + changed(WEBHOOK, *changes)


def rest(*lines: str) -> str:
    """A sound mailbox and other tables; they begin on line 6."""
    return MAILBOX + "\n".join(lines) + "\n"


def changed(table: str, *changes: str) -> str:
    """`table` with lines put in the place of those with the same key, else at its end; "- key" takes one out."""
    lines = table.splitlines()
    for change in changes:
        key = change.removeprefix("- ").partition(" = ")[0]
        places = [index for index, line in enumerate(lines) if line.partition(" = ")[0] == key]
        new = [] if change.startswith("- ") else [change]
        if places:
            lines[places[0] : places[0] + 1] = new
        else:
            lines += new
    return "\n".join(lines) + "\n"


def accepted(text: str, environ: dict[str, str] | None = None, folder: Path = Path()) -> Settings:
    return parse(text, "config.toml", environ or {}, folder)


def refused(text: str, environ: dict[str, str] | None = None, folder: Path = Path()) -> tuple[str, ...]:
    """The problems of a text that must not load."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "config.toml", environ or {}, folder)
    return caught.value.problems


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration that must be refused, and the one problem that it is refused for."""

    name: str
    text: str
    problem: str
