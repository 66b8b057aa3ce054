"""Checks where the ledger is: which database addresses are accepted."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

DEFAULT_URL = SecretStr("sqlite:////var/lib/bounce-watcher/ledger.db")
_POSTGRESQL = "postgresql+psycopg"
_FORMS = "write sqlite:////absolute/path/ledger.db or postgresql+psycopg://user@host/database"


def database_url(text: str, folder: Path) -> str:
    """Returns the URL in SQLAlchemy's form. A refusal never quotes the text: it may hold a password."""
    scheme = text.partition("://")[0].casefold()
    if scheme == "sqlite":
        return _sqlite(text, folder)
    if scheme in ("postgresql", "postgres", _POSTGRESQL):
        return _postgresql(text)
    if scheme.startswith(("postgresql+", "sqlite+")):
        raise ValueError(f"names an unsupported driver: {_FORMS}")
    raise ValueError(f"is not a supported database: {_FORMS}")


def _sqlite(text: str, folder: Path) -> str:
    """Makes the path absolute. A relative one starts from the folder of the configuration file."""
    path, mark, query = text.partition("://")[2].partition("?")
    if not path.startswith("/"):
        raise ValueError("needs three slashes and a path, four for an absolute one: sqlite:////var/lib/…/ledger.db")
    file = path.removeprefix("/")
    if file in ("", ":memory:"):
        raise ValueError("is an in-memory database, which loses all suppressions at every stop: name a file")
    if file.startswith("file:"):
        return text
    return f"sqlite:///{(folder / file).absolute()}{mark}{query}"


def _postgresql(text: str) -> str:
    rest = text.partition("://")[2]
    try:
        url = urlsplit(f"//{rest}")
        url.port  # noqa: B018  # the property is what checks it
    except ValueError:
        raise ValueError("is not a valid URL: check its host and port, and write @ : / # in a password as %40 %3A %2F "
                         "%23") from None
    if not url.path.strip("/"):
        raise ValueError(f"has no database name after the host: {_FORMS}")
    return f"{_POSTGRESQL}://{rest}"
