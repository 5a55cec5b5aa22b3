"""A folder: every file in it and in the folders below it, by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from triage.errors import InputError
from triage.intake.limits import Limits
from triage.intake.parts import Part, idle, refused

__all__ = ["read_folder"]


def read_folder(path: Path, limits: Limits) -> Iterator[Part | InputError]:
    """Yield the files in order of their names; a link is refused, as it may lead out of the folder."""
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not idle(name))
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted([*files, *links]):
            file = Path(folder) / name
            inside = file.relative_to(path).as_posix()
            if file.is_symlink():
                yield refused("member_path", inside)
            elif not idle(inside):
                yield Part(inside, file, unpacked=False)
