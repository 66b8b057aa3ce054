"""Structured logs on stderr: a message, `action=…`, and ids. Addresses and secrets are never passed to a logger.

The words of others may still contain an address: each is replaced by a keyed hash, with its domain. The key is made at
start and stored nowhere. So the lines about one address can be recognised within one run of the program.
"""

import hashlib
import hmac
import logging
import os
import secrets
import sys
from collections.abc import Mapping, MutableMapping
from functools import cached_property
from typing import Any, Literal

from bounce_watcher.model.neutral import LONGEST_IN_LOG, for_log, without_addresses

Format = Literal["logfmt", "json", "console"]

_QUIET = ("httpx", "httpcore", "apscheduler", "alembic", "imapclient", "flufl", "psycopg", "uvicorn")
"""Loggers of libraries: httpx prints whole URLs at INFO, APScheduler each run of a job, psycopg errors it survived."""

_KEY = secrets.token_bytes(32)

_ORDER = ["timestamp", "level", "event", "action"]


def configure(level: str = "info", format_: Format = "logfmt") -> None:
    """Sends our own and the libraries' log records through one formatter. `level` is a name of the logging module."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(format_))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.ERROR, root.level))
    if "structlog" in sys.modules:
        _configure_structlog()


class _Logger:
    """structlog's logger. It imports structlog on the first log call: most commands log nothing."""

    def __getattr__(self, name: str) -> Any:
        import structlog  # noqa: PLC0415 - the import takes as long as a whole short command

        if not structlog.is_configured():
            _configure_structlog()
        return getattr(structlog.get_logger(), name)


log: Any = _Logger()


def _configure_structlog() -> None:
    import structlog  # noqa: PLC0415 - as above

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class _Formatter(logging.Formatter):
    """structlog's formatter, created at the first record."""

    def __init__(self, format_: Format) -> None:
        super().__init__()
        self._format = format_

    def format(self, record: logging.LogRecord) -> str:
        return self._formatter.format(record)

    @cached_property
    def _formatter(self) -> logging.Formatter:
        import structlog  # noqa: PLC0415 - as above

        renderer: Any = structlog.processors.LogfmtRenderer(key_order=_ORDER, drop_missing=True)
        if self._format == "console":
            renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        elif self._format == "json":
            renderer = structlog.processors.JSONRenderer()
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.format_exc_info, _masked, renderer],
        )


def _shared() -> list[Any]:
    """Returns the processors for every record, ours and the libraries'."""
    import structlog  # noqa: PLC0415 - as above

    processors: list[Any] = [structlog.stdlib.add_log_level, structlog.processors.StackInfoRenderer()]
    if "JOURNAL_STREAM" not in os.environ:  # the journal records the time itself
        processors.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    return processors


_LINES = frozenset({"exception", "stack"})
"""Fields that normally have several lines: a traceback."""


def _masked(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Makes every text harmless and replaces addresses in it."""
    for name, value in event.items():
        event[name] = "\n".join(map(_harmless, value.splitlines())) if name in _LINES else _shown(value)
    return event


def _shown(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _harmless(value)
        case Mapping():
            return {_shown(name): _shown(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_shown(each) for each in value]
        case _:
            return _harmless(str(value))


def _harmless(text: str) -> str:
    return for_log(without_addresses(text[: 2 * LONGEST_IN_LOG], _hash))


def _hash(address: str, domain: str) -> str:
    digest = hmac.new(_KEY, address.casefold().encode("utf-8", "replace"), hashlib.sha256)
    return f"h:{digest.hexdigest()[:12]}@{domain}"
