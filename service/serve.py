"""Run the service: one process, or several that share a port."""

from __future__ import annotations

import os
import shutil

from service.settings import Settings

__all__ = ["serve"]


def _check(settings: Settings) -> None:
    """Open the register and load the bundle once, so that what is wrong with them is said in one line.

    Raises
    ------
    Problem
        ``database_start`` if the database cannot be opened.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from service.bundles import Bundles
    from service.db import opened
    from service.problems import Problem

    try:
        with opened(settings.url) as database:
            Bundles(settings, database)
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        fault = type(getattr(error, "orig", None) or error).__name__
        raise Problem("database_start", fault=fault) from None


def serve(settings: Settings) -> None:
    """Serve until the process is told to end.

    The settings travel to worker processes in the environment, where `service.app.create_app` reads them.
    """
    _check(settings)
    os.environ.update(settings.environment())
    if settings.workers > 1:
        # Must be set before the measures are made; what an earlier run left would be counted again.
        shutil.rmtree(settings.folder("metrics"), ignore_errors=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.folder("metrics"))
    import uvicorn

    uvicorn.run(
        "service.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=20,
    )
