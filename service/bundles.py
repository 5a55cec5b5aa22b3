"""The bundle in use: the same in every process within two seconds of its promotion."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select

from service.db import Database
from service.db.tables import BundleRow
from service.logs import LOG
from service.problems import Problem
from service.settings import Settings
from triage import BundleError, Petition, TriageError, Triager
from triage.bundle import resolve, verify
from triage.config import models_home

__all__ = ["Bundles"]

_EVERY = 0.5  # seconds between looks at what was promoted
# A bundle that loads but cannot judge must not be promoted.
_PROBE = Petition(
    title="路灯", body="村口路灯坏了半年，要求尽快修好。 The street lamp has been broken for half a year."
)


class Bundles:
    """Loads bundles, and gives each request the one in use.

    A request takes `current` once and keeps it, so no answer mixes two bundles.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._row = 0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="bundles", daemon=True)
        promoted = self._promoted()
        self.current = self.load(promoted.path if promoted else settings.model)
        self._row = promoted.id if promoted else 0

    def start(self) -> None:
        """Begin to watch for promotions."""
        self._watcher.start()

    def stop(self) -> None:
        """End the watch."""
        self._ended.set()
        if self._watcher.is_alive():
            self._watcher.join(5)

    def load(self, name: str | Path | None) -> Triager:
        """Load a bundle and let it judge one letter.

        Raises
        ------
        BundleError
            If it is missing, damaged, made for other policy files, or cannot judge.
        """
        triager = Triager.load(name, self._settings.home, self._settings.lang)
        try:
            triager.triage(_PROBE)
        except TriageError:
            raise
        except Exception as error:
            raise Problem("bundle_judges", path=name or "-", fault=type(error).__name__) from None
        return triager

    def known(self) -> Iterator[tuple[str, Path]]:
        """Yield name and folder of every bundle that could be promoted."""
        for home in (models_home(), self._settings.folder("bundles")):
            for manifest in sorted(home.glob("*/manifest.json")):
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

    def _promoted(self) -> BundleRow | None:
        with self._database.read() as session:
            return session.scalars(select(BundleRow).order_by(BundleRow.id.desc()).limit(1)).first()

    def refresh(self) -> None:
        """Take up what was promoted since the last look; a bundle that cannot be loaded leaves the old one in use."""
        row = self._promoted()
        if row is None or row.id == self._row:
            return
        self._row = row.id
        try:
            self.current = self.load(row.path)
        except TriageError as error:
            LOG.error("bundle", extra={"code": error.code})
        else:
            LOG.info("bundle", extra={"bundle": self.current.bundle.name})

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY):
            try:
                self.refresh()
            except Exception as error:  # the database may be gone for a while
                LOG.warning("bundle", extra={"fault": type(error).__name__})
