"""Bundles: which there are, which is in use, put into use and taken back while letters are judged."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from service.access import Caller
from service.bundles import InUse
from service.context import Service, ServiceNow
from service.schemas import In, Text
from service.security import CallerNow
from triage import BundleError

__all__ = ["router"]

router = APIRouter(prefix="/v1/models", tags=["models"])
Name = Annotated[str, InPath(max_length=200)]


class ModelOut(BaseModel):
    """A bundle; ``fault`` says why it cannot be promoted."""

    name: str
    bundle: str | None = Field(description="Name and version, as decisions name it.")
    in_use: bool
    since: datetime | None = Field(description="Since when it is in use; null for the one to start with.")
    by: str | None
    note: str | None
    letters: int | None = Field(description="Letters that it was trained on.")
    own_labels: bool
    accuracy: float | None
    macro_f1: float | None
    fault: str | None


class ModelWhole(ModelOut):
    """A bundle with its papers."""

    manifest: dict[str, Any]
    metrics: dict[str, Any]


class NoteIn(In):
    """Why a bundle is put into use or taken back."""

    note: Text = Field("", max_length=2000)


def _metrics(path: Path) -> dict[str, Any]:
    from json import loads

    file = path / "metrics.json"
    return dict(loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _out(service: Service, name: str, path: Path, used: InUse) -> ModelWhole:
    manifest: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    fault = None
    try:
        manifest = service.bundles.papers(path)
        metrics = _metrics(path)
    except BundleError as error:
        fault = error.code
    category, row = metrics.get("category", {}), used.row
    in_use = path.absolute() == used.path.absolute()
    return ModelWhole(
        name=name,
        bundle=f"{manifest['name']} {manifest['version']}" if manifest else None,
        in_use=in_use,
        since=row.at if in_use and row else None,
        by=row.by if in_use and row else None,
        note=row.note if in_use and row else None,
        letters=manifest.get("letters"),
        own_labels=bool(manifest.get("own_labels", False)),
        accuracy=category.get("accuracy"),
        macro_f1=category.get("macro_f1"),
        fault=fault,
        manifest=manifest,
        metrics=metrics,
    )


def _used(service: Service) -> InUse:
    with service.database.read() as session:
        return service.bundles.in_use(session)


@router.get("")
def list_models(service: ServiceNow, caller: CallerNow) -> list[ModelOut]:
    """List the bundles, and which is in use since when and by whom."""
    caller.need("models:read")
    used = _used(service)
    return [
        ModelOut(**_out(service, name, path, used).model_dump(exclude={"manifest", "metrics"}))
        for name, path in service.bundles.known()
    ]


@router.post("/rollback")
def roll_back(note: NoteIn, service: ServiceNow, caller: CallerNow) -> ModelOut:
    """Put the bundle into use again that was in use before."""
    caller.need("models:write")
    with service.database.read() as session:
        before = service.bundles.before(session)
    service.bundles.announce(before.path)
    ready = service.bundles.load(before.path)
    with service.database.write() as session:
        # Somebody may have promoted one meanwhile; then that is what is taken back.
        before = service.bundles.before(session)
        service.bundles.roll_back(session, caller.name, before, note.note)
    service.bundles.refresh(ready)
    return _shown(service, caller, before.name)


@router.get("/{name}")
def read_model(name: Name, service: ServiceNow, caller: CallerNow) -> ModelWhole:
    """Show a bundle's manifest and figures."""
    caller.need("models:read")
    return _out(service, name, service.bundles.find(name), _used(service))


@router.post("/{name}/promote")
def promote(name: Name, note: NoteIn, service: ServiceNow, caller: CallerNow) -> ModelOut:
    """Put a bundle into use: loaded and tried here first, then taken up by every process within two seconds.

    A bundle that is changed, made for other policy files or cannot judge is refused, and the one in use stays.
    """
    caller.need("models:write")
    path = service.bundles.find(name)
    service.bundles.papers(path)
    service.bundles.announce(path)
    ready = service.bundles.load(path)
    with service.database.write() as session:
        if service.bundles.in_use(session).path.absolute() != ready.bundle.path.absolute():
            service.bundles.promote(session, caller.name, name, note.note)
    service.bundles.refresh(ready)
    return _shown(service, caller, name)


def _shown(service: Service, caller: Caller, name: str) -> ModelOut:
    whole = _out(service, name, service.bundles.find(name), _used(service))
    return ModelOut(**whole.model_dump(exclude={"manifest", "metrics"}))
