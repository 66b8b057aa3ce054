"""Structured logs on stderr: a message, `action=…`, and ids. Addresses and secrets are never handed to a logger.

What others say may hold an address all the same: each is replaced by a keyed hash, with its domain. The key is made at
start and kept nowhere, so that within one run of the program what is about one address can be told from the rest.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

Format = Literal["logfmt", "json", "console"]

_QUIET = ("httpx", "httpcore", "apscheduler", "alembic", "imapclient", "flufl", "psycopg", "uvicorn")
"""Loggers of libraries: httpx prints whole URLs at INFO, APScheduler each run of a job, psycopg what it got over."""

_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'@=]{1,64}@((?:[\w-]{1,63}\.){1,10}[\w-]{1,63})")
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


def _masked(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every text without addresses in clear."""
    for name, value in event.items():
        event[name] = _without_addresses(value)
    return event


def _without_addresses(value: Any) -> Any:
    if isinstance(value, str):
        return _ADDRESS.sub(_hash, value)
    return [_without_addresses(each) for each in value] if isinstance(value, list | tuple) else value


def _hash(found: re.Match[str]) -> str:
    return f"h:{hmac.new(_KEY, found[0].casefold().encode(), hashlib.sha256).hexdigest()[:12]}@{found[1]}"
