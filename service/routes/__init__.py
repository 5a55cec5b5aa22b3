"""The routes, one file a resource."""

from __future__ import annotations

from fastapi import APIRouter

from service.routes import accounts, audit, jobs, letters, models, operations, register, triage, webhooks

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (
    triage.router,
    letters.router,
    register.router,
    *jobs.ROUTERS,
    models.router,
    webhooks.router,
    accounts.router,
    audit.router,
    operations.router,
)
