"""The bundle in use: the same in every process within two seconds of its promotion."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from service import audit, metrics
from service.db import Database
from service.db.tables import BundleRow
from service.logs import LOG
from service.problems import Problem
from service.settings import Settings
from triage import BundleError, Petition, TriageError, Triager
from triage.bundle import load_bundle, resolve, verify
from triage.config import models_home

__all__ = ["BUNDLE_HEADER", "JUDGED", "Bundles", "InUse", "header_of", "judged_by"]

BUNDLE_HEADER = "X-Triage-Bundle"
# What judged the letters of a request, for the header of its answer.
JUDGED: ContextVar[list[str] | None] = ContextVar("judged", default=None)
_EVERY = 0.2  # seconds between looks at what was promoted
_KEPT = 60.0  # seconds that a bundle which was announced waits for its promotion
# A bundle that loads but cannot judge must not be promoted.
_PROBE = Petition(
    title="路灯", body="村口路灯坏了半年，要求尽快修好。 The street lamp has been broken for half a year."
)


class InUse(NamedTuple):
    """Which bundle is in use; ``row`` is the promotion that chose it, None for the one to start with."""

    name: str
    path: Path
    row: BundleRow | None


def judged_by(triager: Triager) -> None:
    """Note for the answer to this request which bundle judged its letters."""
    told = JUDGED.get()
    if told is not None:
        told[:] = [triager.bundle.name]


def header_of(told: list[str]) -> dict[str, str]:
    """Return the header that names the bundle, if one judged; a header holds no Chinese, so that is percent-encoded."""
    return {BUNDLE_HEADER: quote(told[0], safe=" ._-+")} if told else {}


class Bundles:
    """Loads bundles, and gives each request the one in use.

    A request takes `current` once and keeps it, so no answer mixes two bundles.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._ended = threading.Event()
        self._turn = threading.Lock()
        self._next = settings.folder("bundles") / ".next"
        self._announced = self._seen()
        self._ready: tuple[Triager, float] | None = None
        self._watcher = threading.Thread(target=self._watch, name="bundles", daemon=True)
        with database.read() as session:
            row = _newest(session)
            chosen = self.in_use(session)
        self.current = self._first(chosen)
        self._row = row.id if row else 0
        metrics.bundle_in_use(self.current.bundle.name)

    def start(self) -> None:
        """Begin to watch for promotions."""
        self._watcher.start()

    def stop(self) -> None:
        """End the watch."""
        self._ended.set()
        if self._watcher.is_alive():
            self._watcher.join(5)

    def _first(self, chosen: InUse) -> Triager:
        name = chosen.path if chosen.row else self._settings.model
        triager = Triager.load(name, self._settings.home, self._settings.lang)
        return self._tried(triager)

    def load(self, path: str | Path) -> Triager:
        """Load a bundle for the policy files in use and let it judge one letter.

        Policy files are read once, when the process starts: only the models are loaded here.

        Raises
        ------
        BundleError
            If it is missing, damaged or made for other policy files.
        Problem
            ``bundle_judges`` if it loads but cannot judge.
        """
        policy = self.current.policy
        bundle = load_bundle(path, policy.taxonomy, policy.analyser.segmenter.fingerprint)
        return self._tried(Triager(policy, bundle, self._settings.lang))

    def _tried(self, triager: Triager) -> Triager:
        try:
            triager.triage(_PROBE)
        except Exception as error:
            raise Problem("bundle_judges", path=triager.bundle.path.name, fault=type(error).__name__) from None
        return triager

    def known(self) -> Iterator[tuple[str, Path]]:
        """Yield name and folder of every bundle that could be promoted."""
        for home in (models_home(), self._settings.folder("bundles")):
            for manifest in sorted(home.glob("*/manifest.json")):
                if not manifest.parent.name.startswith("."):
                    yield manifest.parent.name, manifest.parent

    def find(self, name: str) -> Path:
        """Return a bundle's folder by its name.

        Raises
        ------
        BundleError
            If there is none.
        """
        found = dict(self.known())
        if name not in found:
            raise BundleError("no_bundle", name=name, allowed=", ".join(found) or "-")
        return found[name]

    def papers(self, path: Path) -> dict[str, Any]:
        """Return a bundle's manifest, every file checked."""
        return verify(resolve(path))

    def in_use(self, session: Session) -> InUse:
        """Return the bundle that was promoted last, or the one to start with."""
        row = _chosen(session, _newest(session))
        if row is None:
            path = resolve(self._settings.model)
            return InUse(path.name, path, None)
        return InUse(row.name, self._folder(row), row)

    def _folder(self, row: BundleRow) -> Path:
        """Return where a promoted bundle lies: a register that was restored may have moved."""
        path = Path(row.path)
        return path if path.is_dir() else self.find(row.name)

    def promote(self, session: Session, actor: str, name: str, note: str) -> BundleRow:
        """Record that a bundle is in use from now on; who calls has loaded it before."""
        return self._record(session, actor, "model.promote", name, self.find(name), note, None)

    def before(self, session: Session) -> InUse:
        """Return the bundle that was in use before the present one.

        Raises
        ------
        Problem
            ``first_bundle`` if there was none.
        """
        row = _chosen(session, _newest(session))
        if row is None:
            raise Problem("first_bundle")
        earlier = select(BundleRow).where(BundleRow.id < row.id).order_by(BundleRow.id.desc()).limit(1)
        found = _chosen(session, session.scalars(earlier).first())
        if found is None:
            path = resolve(self._settings.model)
            return InUse(path.name, path, None)
        return InUse(found.name, self._folder(found), found)

    def roll_back(self, session: Session, actor: str, before: InUse, note: str) -> BundleRow:
        """Record that the bundle before is in use again."""
        restores = before.row.id if before.row else 0
        return self._record(session, actor, "model.rollback", before.name, before.path, note, restores)

    def _record(
        self, session: Session, actor: str, action: str, name: str, path: Path, note: str, restores: int | None
    ) -> BundleRow:
        old = self.in_use(session)
        row = BundleRow(name=name, path=str(path.absolute()), by=actor, note=note, restores=restores)
        session.add(row)
        session.flush()
        audit.append(session, actor, action, f"bundle:{name}", {"in_use": old.name}, {"in_use": name, "note": note})
        return row

    def announce(self, path: Path) -> None:
        """Have the other processes of this host load a bundle while this one tries it, before it is promoted."""
        draft = self._next.with_name(f".next.{os.getpid()}.{threading.get_ident()}")
        draft.write_text(str(path.absolute()), encoding="utf-8")
        os.replace(draft, self._next)
        self._announced = self._seen()

    def _seen(self) -> int:
        try:
            return self._next.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _prepare(self) -> None:
        """Load what another process announced; it is let go again if it is not promoted soon."""
        if self._ready and time.monotonic() - self._ready[1] > _KEPT:
            self._ready = None
        seen = self._seen()
        if seen == self._announced:
            return
        self._announced = seen
        try:
            found = self.load(self._next.read_text(encoding="utf-8"))
        except (TriageError, OSError) as error:  # refused where it was to be promoted, too
            LOG.warning("bundle", extra={"fault": type(error).__name__})
        else:
            self._ready = (found, time.monotonic())

    def refresh(self, ready: Triager | None = None) -> None:
        """Take up what was promoted since the last look; a bundle that cannot be loaded leaves the old one in use.

        Parameters
        ----------
        ready : Triager or None
            One that is loaded already; it is used if it is the one that was promoted.
        """
        with self._turn:
            with self._database.read() as session:
                row = _newest(session)
                if row is None or row.id == self._row:
                    return
                chosen = self.in_use(session)
            prepared = ready or (self._ready[0] if self._ready else None)
            self._ready = None
            fits = prepared is not None and prepared.bundle.path.absolute() == chosen.path.absolute()
            try:
                found = prepared if prepared is not None and fits else self.load(chosen.path)
            except TriageError as error:
                LOG.error("bundle", extra={"code": error.code})
            else:
                metrics.bundle_in_use(found.bundle.name, self.current.bundle.name)
                self.current = found
                LOG.info("bundle", extra={"bundle": found.bundle.name})
            self._row = row.id

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY):
            try:
                self._prepare()
                self.refresh()
            except Exception as error:  # the database may be gone for a while
                LOG.warning("bundle", extra={"fault": type(error).__name__})


def _newest(session: Session) -> BundleRow | None:
    return session.scalars(select(BundleRow).order_by(BundleRow.id.desc()).limit(1)).first()


def _chosen(session: Session, row: BundleRow | None) -> BundleRow | None:
    """Return the promotion whose bundle a row put into use: its own, or the one that it stepped back to."""
    if row is None or row.restores is None:
        return row
    return session.get(BundleRow, row.restores) if row.restores else None
