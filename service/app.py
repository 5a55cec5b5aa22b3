"""The application: everything is loaded before it listens."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from service import problems, web
from service.accounts import first_start
from service.bundles import Bundles
from service.context import Service
from service.db import opened
from service.housekeeping import Housekeeper
from service.limits import Limits
from service.logs import configure
from service.routes import ROUTERS
from service.settings import Settings
from service.watch import REQUEST_ID, Watch
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
    configure(settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as ends:
            database = ends.enter_context(opened(settings.url))
            bundles = Bundles(settings, database)
            bundles.start()
            ends.callback(bundles.stop)
            app.state.service = service = Service(settings, database, bundles)
            ends.callback(service.earlier.close)
            housekeeper = Housekeeper(service)
            housekeeper.start()
            ends.callback(housekeeper.stop)
            _announce(service)
            gc.freeze()  # bundle and code stay: no request need wait while they are searched for waste
            yield

    app = FastAPI(
        title="triage",
        version=__version__,
        summary="Petition triage for one office or a county.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=problems.RESPONSES,
    )
    app.state.lang = settings.lang
    if settings.cors:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors, allow_methods=["*"], allow_headers=["*"],
            expose_headers=["ETag", "Location", REQUEST_ID], allow_credentials=True,
        )  # fmt: skip
    app.add_middleware(Limits, settings=settings)
    app.add_middleware(Watch, https=settings.https)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    web.install(app)
    return app


def _announce(service: Service) -> None:
    """Print the first administrator's link where there is no user yet; never into a log, which others read."""
    if token := first_start(service):
        settings = service.settings
        told = {
            "en": "First start. Set the administrator's password within 72 hours:",
            "zh": "首次启动。请在 72 小时内打开以下链接设置管理员密码:",
        }
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        print(f"{told[settings.lang]} http://{host}:{settings.port}/setup/{token}", flush=True)
