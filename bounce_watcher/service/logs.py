"""Structured logs on stderr: a message, `action=…`, and ids. Addresses and secrets are never handed to a logger."""

import logging
import os
import sys
from typing import Any, Literal

import structlog

Format = Literal["logfmt", "json", "console"]

_QUIET = ("httpx", "httpcore", "apscheduler", "alembic", "imapclient", "flufl", "psycopg", "uvicorn")
"""Loggers of libraries: httpx prints whole URLs at INFO, APScheduler each run of a job, psycopg what it got over."""

_ORDER = ["timestamp", "level", "event", "action"]


def configure(level: str = "info", format_: str = "logfmt") -> None:
    """Routes our own and the libraries' log records through one formatter. `level` is a name of the logging module."""
    shared: list[Any] = [structlog.stdlib.add_log_level, structlog.processors.StackInfoRenderer()]
    if "JOURNAL_STREAM" not in os.environ:  # the journal keeps the time by itself
        shared.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(format_)],
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


def _renderers(format_: str) -> list[Any]:
    """What turns an event dictionary into a line. A console draws tracebacks itself."""
    if format_ == "console":
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    renderer: Any = structlog.processors.LogfmtRenderer(key_order=_ORDER, drop_missing=True)
    if format_ == "json":
        renderer = structlog.processors.JSONRenderer()
    return [structlog.processors.format_exc_info, renderer]
