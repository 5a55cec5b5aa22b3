"""Logs: one JSON object a line, with the request's id, never with a letter's words."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

__all__ = ["LOG", "configure"]

LOG = logging.getLogger("triage.service")
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


class _Lines(logging.Formatter):
    """Time, level, what happened, and the fields it was logged with.

    The arguments of other programs' messages and the texts of exceptions are left out: they may quote what was sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
            "logger": record.name,
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _OWN}
        if record.exc_info and record.exc_info[0]:
            line["fault"] = record.exc_info[0].__name__
            last = record.exc_info[2]
            while last and last.tb_next:
                last = last.tb_next
            if last:
                line["place"] = f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}"
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str = "info") -> None:
    """Send every log line of this process to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "sqlalchemy", "httpx"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(level.upper())
    logging.getLogger("uvicorn.access").disabled = True  # our own line knows the route, and leaves the query out
