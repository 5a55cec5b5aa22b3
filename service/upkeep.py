"""Keeping a register: take a copy, put it back, anonymise what is old.

A copy is one ZIP with each table as JSON lines, so it can be put back into either database.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.engine import Connection

from service import audit
from service.db import Database, search, upgrade
from service.db.tables import Base, Letter, now
from service.problems import Problem
from service.settings import Settings

__all__ = ["backup", "restore", "retain"]

_FORMAT = 1
_MANIFEST = "manifest.json"
_ROWS = 1000
_KEPT = ("bundles", "jobs")  # folders of the state that belong to the register
Report = Callable[[int, int], None]


def backup(
    settings: Settings, database: Database, path: Path, report: Report = lambda done, total: None
) -> dict[str, int]:
    """Write a copy of the register while the service runs: every table as it stood at one moment, bundles, secret.

    The copy holds letters with their personal data: it is written for its owner's eyes alone.

    Returns
    -------
    dict
        Rows by table.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            counts = _write(settings, database, file, report)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return counts


def _write(settings: Settings, database: Database, file: BinaryIO, report: Report) -> dict[str, int]:
    counts: dict[str, int] = {}
    hashes: dict[str, str] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, _snapshot(database) as connection:
        tables = Base.metadata.sorted_tables
        total = sum(connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables)
        for table in tables:
            name = f"tables/{table.name}.jsonl"
            digest, counts[table.name], before = hashlib.sha256(), 0, sum(counts.values())
            with archive.open(name, "w", force_zip64=True) as member:
                for line in _lines(connection, table):
                    member.write(line)
                    digest.update(line)
                    counts[table.name] += 1
                    report(before + counts[table.name], total)
            hashes[name] = digest.hexdigest()
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
        for name, source in _files(settings):
            archive.write(source, name)
            with open(source, "rb") as kept:
                hashes[name] = hashlib.file_digest(kept, "sha256").hexdigest()
        manifest = {"format": _FORMAT, "tables": version, "at": now().isoformat(), "rows": counts, "sha256": hashes}
        archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
    return counts


def _snapshot(database: Database) -> Connection:
    """Return a connection that sees one moment, however long it reads."""
    connection = database.engine.connect()
    return connection if database.is_sqlite else connection.execution_options(isolation_level="REPEATABLE READ")


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    rows = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=_ROWS).execute(rows):
        cells = {name: _plain(value) for name, value in row._mapping.items()}
        yield json.dumps(cells, ensure_ascii=False).encode() + b"\n"


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    if not settings.secret.get_secret_value():
        settings.key()
        yield "secret", settings.folder() / "secret"
    for folder in _KEPT:
        root = settings.folder(folder)
        for path in sorted(root.rglob("*")):
            if path.is_file():
                yield f"{folder}/{path.relative_to(root).as_posix()}", path


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return {"$": value.isoformat()}
    return {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _typed(table: Table, cells: dict[str, Any]) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    for name, value in cells.items():
        if isinstance(value, dict) and value.keys() == {"$"}:
            kind = datetime if len(value["$"]) > len("2026-01-01") else date
            value = kind.fromisoformat(value["$"])
        elif isinstance(value, dict) and value.keys() == {"$bytes"}:
            value = base64.b64decode(value["$bytes"])
        typed[name] = value
    return typed


def restore(
    settings: Settings, database: Database, path: Path, report: Report = lambda done, total: None
) -> dict[str, int]:
    """Put a copy back into an empty register.

    Raises
    ------
    Problem
        ``backup_broken`` if the copy is damaged or of another format, ``backup_full`` if the register holds something.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(archive)
            _check(archive, manifest["sha256"])
            _refuse_full(settings, database)
            upgrade(database, manifest["tables"])
            with database.engine.connect().execution_options(write=True) as connection, connection.begin():
                _fill(connection, archive, manifest["rows"], report)
            upgrade(database)
            _unpack(settings, archive)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise Problem("backup_broken", path=path, fault=type(error).__name__) from None
    with database.write() as session:
        for letter in session.scalars(
            select(Letter).where(Letter.sealed.is_(False)).execution_options(yield_per=_ROWS)
        ):
            search.put(session, letter.id, f"{letter.number} {letter.text_masked}")
    with database.read() as session:
        _, fault = audit.verify(session)
    if fault:
        raise fault.problem()
    return dict(manifest["rows"])


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(archive.read(_MANIFEST))
    if manifest["format"] != _FORMAT:
        raise ValueError
    return manifest


def _check(archive: zipfile.ZipFile, hashes: dict[str, str]) -> None:
    if {*hashes, _MANIFEST} != set(archive.namelist()):
        raise ValueError
    for name, expected in hashes.items():
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or "\\" in name:
            raise ValueError
        digest = hashlib.sha256()
        with archive.open(name) as member:
            while part := member.read(1 << 20):
                digest.update(part)
        if digest.hexdigest() != expected:
            raise ValueError


def _refuse_full(settings: Settings, database: Database) -> None:
    upgrade(database)
    with database.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            if connection.scalar(select(func.count()).select_from(table)):
                raise Problem("backup_full", found=table.name)
    if any(any(settings.folder(folder).iterdir()) for folder in _KEPT):
        raise Problem("backup_full", found=str(settings.folder()))


def _fill(connection: Connection, archive: zipfile.ZipFile, rows: dict[str, int], report: Report) -> None:
    done, total = 0, sum(rows.values())
    for table in Base.metadata.sorted_tables:
        with archive.open(f"tables/{table.name}.jsonl") as member:
            batch = []
            for line in member:
                batch.append(_typed(table, json.loads(line)))
                if len(batch) == _ROWS:
                    connection.execute(insert(table), batch)
                    done += len(batch)
                    report(done, total)
                    batch = []
            if batch:
                connection.execute(insert(table), batch)
                done += len(batch)
                report(done, total)
        if connection.dialect.name == "postgresql" and "id" in table.columns and table.name != "audit_head":
            # Rows came with their numbers: the next one must be higher.
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) "
                    f"FROM {table.name} HAVING max(id) IS NOT NULL"
                )
            )


def _unpack(settings: Settings, archive: zipfile.ZipFile) -> None:
    for name in archive.namelist():
        if name.split("/")[0] in _KEPT or name == "secret":
            target = settings.folder() / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(archive.read(name))


def retain(database: Database, days: int, today: date | None = None) -> int:
    """Anonymise the letters that were answered so many days ago; return how many.

    What came in gives way to the masked text, and what the form gave of the person is dropped; codes, dates and the
    audit stay, so counts and deadlines can still be shown.

    Source
    ------
    Personal Information Protection Law Art. 19, 47: no longer than the purpose needs.
    """
    limit = datetime.combine((today or now().date()) - timedelta(days=days), datetime.min.time()).astimezone()
    done = 0
    while True:
        with database.write() as session:
            old = select(Letter).where(Letter.answered < limit, Letter.anonymised.is_(None)).limit(_ROWS // 10)
            letters = session.scalars(old).all()
            for letter in letters:
                _anonymise(letter)
                audit.append(session, "retention", "letter.anonymise", f"letter:{letter.id}", after={"days": days})
        done += len(letters)
        if not letters:
            return done


def _anonymise(letter: Letter) -> None:
    letter.title = letter.title_masked
    letter.body = letter.text_masked[len(letter.title_masked) + 1 :] if letter.title_masked else letter.text_masked
    letter.fields = {name: value for name, value in letter.fields.items() if name in ("date", "accepted")}
    letter.person = ""
    letter.anonymised = letter.changed = now()
    letter.version += 1
