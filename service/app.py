"""The application: everything is loaded before it listens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from service import problems
from service.bundles import Bundles
from service.context import Service
from service.db import Database, upgrade
from service.routes import ROUTERS
from service.settings import Settings
from triage import __version__

__all__ = ["create_app"]


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; ``uvicorn service.app:create_app --factory`` serves it.

    Parameters
    ----------
    settings : Settings or None
        From the environment if None.

    Raises
    ------
    Problem
        If a setting is not allowed.
    """
    settings = settings or Settings.load()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = Database(settings.url)
        upgrade(database)
        bundles = Bundles(settings, database)
        app.state.service = Service(settings, database, bundles)
        bundles.start()
        try:
            yield
        finally:
            bundles.stop()
            database.close()

    app = FastAPI(title="triage", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.lang = settings.lang
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
