"""The journal of a run: one line a letter, appended as it is judged, so that a killed run can go on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from triage.errors import InputError

__all__ = ["Journal"]


class Journal:
    """Lines of judged letters beside the output file.

    Parameters
    ----------
    output : Path
        The file the run will write.
    about : Mapping
        What the run is made of (input, bundle); a run goes on only where this is the same.
    """

    def __init__(self, output: Path, about: Mapping[str, Any]) -> None:
        self.path = output.with_name(f"{output.name}.part")
        self._about = json.dumps(about, ensure_ascii=False, sort_keys=True)

    def open(self, resume: bool) -> int:
        """Start or go on; return how many letters are already in it.

        Raises
        ------
        InputError
            If an unfinished run lies there and ``resume`` is false, or it was another run.
        """
        done = 0
        if self.path.exists():
            whole = self._whole_lines()
            if whole and whole[0] != self._about:
                raise InputError("output_other", path=self.path.with_suffix(""), journal=self.path)
            if not resume:
                raise InputError("output_unfinished", path=self.path.with_suffix(""), journal=self.path)
            done = max(len(whole) - 1, 0)
            size = sum(len(line.encode()) + 1 for line in whole)
            with open(self.path, "r+b") as file:
                file.truncate(size)  # a line that a kill cut short
        # errors: half a character in a number or title must not end the run
        self._file = open(self.path, "a", encoding="utf-8", errors="replace", newline="\n")  # noqa: SIM115 - see close()
        if self.path.stat().st_size == 0:
            self._file.write(self._about + "\n")
            self._file.flush()
        return done

    def _whole_lines(self) -> list[str]:
        text = self.path.read_text(encoding="utf-8", errors="replace")
        return text.split("\n")[:-1]

    def append(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add the entries of some letters."""
        self._file.write("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries))
        self._file.flush()

    def close(self) -> None:
        """Close the file, which stays."""
        self._file.close()

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the entries in order."""
        with open(self.path, encoding="utf-8") as lines:
            next(lines)
            for line in lines:
                yield json.loads(line)
