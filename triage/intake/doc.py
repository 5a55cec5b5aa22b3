"""Old Word documents, where a program that reads them is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from triage.intake.limits import Limits
from triage.intake.parts import Document, broken, refused

__all__ = ["read_doc"]

_OFFICES = ("soffice", "libreoffice")


def read_doc(path: Path, limits: Limits) -> Iterator[Document]:
    """Yield the document as one letter, read by LibreOffice or, for DOC alone, antiword."""
    office = next(filter(None, map(shutil.which, _OFFICES)), None)
    antiword = shutil.which("antiword") if _is_compound(path) else None
    if antiword:
        text = _run([antiword, "-m", "UTF-8.txt", "-w", "0", str(path.absolute())], path, limits)
    elif office:
        text = _converted(office, path, limits)
    else:
        raise refused("doc_program", path)
    yield Document(id=path.stem, text=text.strip())


def _is_compound(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"\xd0\xcf\x11\xe0"


def _run(command: list[str], path: Path, limits: Limits) -> str:
    import subprocess

    try:
        done = subprocess.run(command, input=b"", capture_output=True, check=True, timeout=limits.seconds)
    except (subprocess.SubprocessError, OSError) as error:
        raise broken(path, "DOC", error) from None
    return done.stdout.decode("utf-8", errors="replace")


def _converted(office: str, path: Path, limits: Limits) -> str:
    # A profile of its own: a running LibreOffice would take the job over and do nothing.
    with TemporaryDirectory() as folder:
        profile = f"-env:UserInstallation={(Path(folder) / 'profile').as_uri()}"
        kind = ["--convert-to", "txt:Text (encoded):UTF8", "--outdir", folder]
        _run([office, profile, "--headless", *kind, str(path.absolute())], path, limits)
        made = Path(folder) / f"{path.stem}.txt"
        if not made.is_file():
            raise broken(path, "DOC", "no text made")
        return made.read_text(encoding="utf-8-sig", errors="replace")
