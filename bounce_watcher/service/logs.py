"""Structured logs on stderr: a message, `action=…`, and ids. Addresses and secrets are never handed to a logger.

What others say may hold an address all the same: each is replaced by a keyed hash, with its domain. The key is made at
start and kept nowhere, so that within one run of the program what is about one address can be told from the rest.
"""

import hashlib
import hmac
import logging
import os
import secrets
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog

from bounce_watcher.model.neutral import LONGEST_IN_LOG, for_log, without_addresses

Format = Literal["logfmt", "json", "console"]

_QUIET = ("httpx", "httpcore", "apscheduler", "alembic", "imapclient", "flufl", "psycopg", "uvicorn")
"""Loggers of libraries: httpx prints whole URLs at INFO, APScheduler each run of a job, psycopg what it got over."""

_KEY = secrets.token_bytes(32)

_ORDER = ["timestamp", "level", "event", "action"]


def configure(level: str = "info", format_: str = "logfmt") -> None:
    """Routes our own and the libraries' log records through one formatter. `level` is a name of the logging module."""
    shared: list[Any] = [structlog.stdlib.add_log_level, structlog.processors.StackInfoRenderer()]
    if "JOURNAL_STREAM" not in os.environ:  # the journal keeps the time by itself
        shared.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.format_exc_info,
                    _masked, _renderer(format_)],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.ERROR, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _renderer(format_: str) -> Any:
    """What turns an event dictionary into a line."""
    if format_ == "console":
        return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if format_ == "json":
        return structlog.processors.JSONRenderer()
    return structlog.processors.LogfmtRenderer(key_order=_ORDER, drop_missing=True)


_LINES = frozenset({"exception", "stack"})
"""What has several lines by its nature: a traceback."""


def _masked(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every text harmless and without addresses in clear."""
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
