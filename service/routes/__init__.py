"""The routes, one file a resource."""

from __future__ import annotations

from fastapi import APIRouter

from service.routes import accounts, audit, letters, operations, register, triage

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (
    triage.router,
    letters.router,
    register.router,
    accounts.router,
    audit.router,
    operations.router,
)
