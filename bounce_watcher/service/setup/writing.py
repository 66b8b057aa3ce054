"""Writes what `init` makes: a configuration from answers, its secrets in separate files, and the unit's drop-in."""

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from bounce_watcher.config import Settings, load
from bounce_watcher.config.example import Tables, Value, example, filled_in
from bounce_watcher.config.secrets import CREDENTIALS_FOLDER
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.service.setup.installing import PRIVATE_FILE, NewFile

UNIT = "bounce-watcher.service"
DROP_IN = f"{UNIT}.d/init.conf"
HEADING = """\
The configuration of bounce-watcher, written by `bounce-watcher init`. What is set here is in force; every other key
there is stands beside it, commented out, with what holds without it.
"""


@dataclass
class ConfigDraft:
    """Answers as they come in. `by_credential`: systemd provides the secrets; else the configuration names files."""

    by_credential: bool
    tables: dict[str, dict[str, Value]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    certificate: str | None = None

    def put(self, table: str, **values: Value | None) -> None:
        """Sets keys of a table. Leaves out those that are None."""
        self.tables.setdefault(table, {}).update({key: value for key, value in values.items() if value is not None})

    def keep(self, table: str, key: str, name: str, secret: str) -> None:
        """Puts a secret, under a key of a table, into a file called `name`."""
        self.secrets[name] = secret
        told = (f"{key}_credential", name) if self.by_credential else (f"{key}_file", f"{CREDENTIALS_FOLDER}/{name}")
        self.put(table, **dict([told]))


def new_files(draft: ConfigDraft, config: str) -> list[NewFile]:
    """Returns the secrets first and the configuration, which names them, last. `config` is its file's name."""
    private = [NewFile(f"{CREDENTIALS_FOLDER}/{name}", f"{text}\n", PRIVATE_FILE)
               for name, text in draft.secrets.items()]
    certificate = [NewFile(CERTIFICATE, draft.certificate)] if draft.certificate else []
    return [*private, *certificate, NewFile(config, written(draft.tables))]


CERTIFICATE = "imap-ca.pem"


def written(tables: Tables) -> str:
    """Returns the text of the configuration."""
    return filled_in(example(), tables, HEADING)


def checked(folder: Path, config: Path) -> Settings:
    """Reads the files in `folder` before they are moved to where `config` is. Raises ConfigError."""
    try:
        return load(folder / config.name, {"CREDENTIALS_DIRECTORY": str(folder / CREDENTIALS_FOLDER)})
    except ConfigError as error:
        raise ConfigError(str(config), error.problems) from None


def webhook_secret() -> str:
    """Makes a secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def random_key() -> str:
    return secrets.token_urlsafe(32)


# ── systemd ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def unit_text() -> str:
    """Returns the unit as it is shipped."""
    return (files("bounce_watcher") / "share" / UNIT).read_text("utf-8")


def drop_in(program: Path, config: Path, names: list[str]) -> str:
    """Returns the machine's own part of the unit: where program, configuration and secrets are."""
    return "\n".join(("# Written by `bounce-watcher init`; `systemctl edit bounce-watcher` makes another beside it.",
                      "[Service]", *_service(program, config, names))) + "\n"


def _service(program: Path, config: Path, names: list[str]) -> Iterator[str]:
    yield "ExecStart="
    yield f"ExecStart={_word(program)} run -c {_word(config)}"
    for name in names:
        yield f"LoadCredential={name}:{_plain(config.parent / CREDENTIALS_FOLDER / name)}"


def _plain(path: Path) -> str:
    return str(path).replace("%", "%%")


def _word(path: Path) -> str:
    """Quotes a path. % begins a specifier, $ a variable: see systemd.syntax(7), systemd.service(5)."""
    escaped = _plain(path).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if any(each in escaped for each in " '\"\\;") else escaped
