"""Log lines for people on a terminal, JSON for machines; both to standard error."""

from __future__ import annotations

import logging
import sys

import structlog

from server.settings import Settings

QUIET = ("celery", "kombu", "amqp", "uvicorn.access", "uvicorn.error", "alembic")


def configure(settings: Settings) -> None:
    """Send everything that the standard `logging` gets through one formatter."""
    people = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    before: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if people:
        last.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    else:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if settings.debug >= 2 else logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.INFO if settings.debug else logging.WARNING)
    logging.getLogger("kombu.connection").setLevel(logging.ERROR)  # it warns that a folder has no host name
