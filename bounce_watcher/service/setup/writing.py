"""What `init` writes: a configuration out of answers, its secrets in files of their own, and the unit's drop-in."""

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
    """Answers as they gather. `by_credential`: systemd hands the secrets over; else the file names them."""

    by_credential: bool
    tables: dict[str, dict[str, Value]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    certificate: str | None = None

    def put(self, table: str, **values: Value | None) -> None:
        """Keys of a table; those that are None are left out."""
        self.tables.setdefault(table, {}).update({key: value for key, value in values.items() if value is not None})

    def keep(self, table: str, key: str, name: str, secret: str) -> None:
        """A secret under a key of a table, in a file called `name`."""
        self.secrets[name] = secret
        told = (f"{key}_credential", name) if self.by_credential else (f"{key}_file", f"{CREDENTIALS_FOLDER}/{name}")
        self.put(table, **dict([told]))


def new_files(draft: ConfigDraft, config: str) -> list[NewFile]:
    """The secrets first, the configuration, which names them, last. `config` is its file's name."""
    private = [NewFile(f"{CREDENTIALS_FOLDER}/{name}", f"{text}\n", PRIVATE_FILE)
               for name, text in draft.secrets.items()]
    certificate = [NewFile(CERTIFICATE, draft.certificate)] if draft.certificate else []
    return [*private, *certificate, NewFile(config, written(draft.tables))]


CERTIFICATE = "imap-ca.pem"


def written(tables: Tables) -> str:
    """The text of the configuration."""
    return filled_in(example(), tables, HEADING)


def checked(folder: Path, config: Path) -> Settings:
    """What the files in `folder` say, before they are moved to where `config` is. Raises ConfigError."""
    try:
        return load(folder / config.name, {"CREDENTIALS_DIRECTORY": str(folder / CREDENTIALS_FOLDER)})
    except ConfigError as error:
        raise ConfigError(str(config), error.problems) from None


def webhook_secret() -> str:
    """As Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def random_key() -> str:
    return secrets.token_urlsafe(32)


# ── systemd ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def unit_text() -> str:
    """The unit as it is shipped."""
    return (files("bounce_watcher") / "share" / UNIT).read_text("utf-8")


def drop_in(program: Path, config: Path, names: list[str]) -> str:
    """What of the unit is of this machine: where program, configuration and secrets are."""
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
    """systemd.syntax(7), systemd.service(5): % begins a specifier, $ a variable."""
    escaped = _plain(path).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if any(each in escaped for each in " '\"\\;") else escaped
