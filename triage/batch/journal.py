"""The journal of a run: one line a letter, appended as it is judged, so that a killed run can go on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from triage.batch.files import writing
from triage.errors import InputError

__all__ = ["OK", "REJECT", "Journal", "is_reject", "line"]

OK, REJECT = "ok", "reject"
_SAFE = 5.0  # seconds of work that a power cut may cost; a kill costs none, as the system has the lines already


def line(kind: str, value: Any) -> str:
    """Return a journal's line; half a character in a number or title must not end the run."""
    text = json.dumps({kind: value}, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8") + "\n"


def is_reject(text: str) -> bool:
    """Tell whether a line is of a letter that could not be judged."""
    return text.startswith(f'{{"{REJECT}": ')


class Journal:
    """Lines of judged letters beside the output.

    Parameters
    ----------
    path : Path
        The journal itself.
    about : Mapping
        What the run is made of (input, bundle, policy); a run goes on only where this is the same.
    output : Path
        Named in errors.

    Attributes
    ----------
    rejects : int
        Of the letters that were already in it when it was opened.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], output: Path) -> None:
        self.path = path
        self.output = output
        self.rejects = 0
        self._about = json.dumps(about, ensure_ascii=False, sort_keys=True).encode() + b"\n"
        self._synced = time.monotonic()

    def open(self, resume: bool, closed_by: str = "") -> int:
        """Start or go on; return how many letters are already in it.

        Parameters
        ----------
        resume : bool
            Go on with what lies there.
        closed_by : str
            Kind of line that closes what belongs together: what no such line follows is done again.

        Raises
        ------
        InputError
            If an unfinished run lies there and ``resume`` is false, or it was another run, or the disk is full.
        """
        done = size = 0
        with writing(self.output):
            if self.path.exists():
                done, size = self._whole(closed_by)
                if size and not resume:
                    raise InputError("output_unfinished", path=self.output, journal=self.path)
                os.truncate(self.path, size)  # a line that a kill cut short
            # Unbuffered: after a full disk or Ctrl-C nothing is left to be written by a later close.
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - see close()
            if not size:
                self._write(self._about)
        return done

    def _whole(self, closed_by: str) -> tuple[int, int]:
        """Return how many letters stand in whole lines and how many bytes these take."""
        closing, ok, reject = _start(closed_by), _start(OK), _start(REJECT)
        with open(self.path, "rb") as lines:
            first = lines.readline()
            if first[-1:] == b"\n" and first != self._about:
                raise InputError("output_other", path=self.output, journal=self.path)
            if first != self._about:
                return 0, 0
            done = rejects = 0
            size = len(first)
            whole = done, rejects, size
            for text in lines:
                # Behind a power cut a file may end in zeros.
                if not (text.startswith(b'{"') and text.endswith(b"}\n")):
                    break
                size += len(text)
                done += text.startswith((ok, reject))
                rejects += text.startswith(reject)
                if text.startswith(closing):
                    whole = done, rejects, size
        done, self.rejects, size = whole
        return done, size

    def append(self, lines: Iterable[str]) -> None:
        """Add lines; they survive a kill at once, and a power cut a few seconds later."""
        with writing(self.output):
            self._write("".join(lines).encode())
            if time.monotonic() - self._synced > _SAFE:
                self.sync()

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def size(self) -> int:
        """Return how many bytes it has."""
        return os.fstat(self._file.fileno()).st_size

    def cut(self, size: int) -> None:
        """Drop what stands behind so many bytes."""
        self._file.truncate(size)

    def sync(self) -> None:
        """Have the lines on the disk before this returns."""
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def close(self) -> None:
        """Close the file, which stays."""
        self._file.close()

    def entries(self, kind: str = "") -> Iterator[dict[str, Any]]:
        """Yield the entries in order, or those of one kind."""
        wanted = _start(kind)
        with open(self.path, "rb") as lines:
            next(lines)
            for text in lines:
                if text.startswith(wanted):
                    yield json.loads(text)


def _start(kind: str) -> bytes:
    return f'{{"{kind}": '.encode() if kind else b""
