"""How much a reader takes in before it refuses a file by name."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep one bad file from filling the disk, the memory or the day.

    Attributes
    ----------
    file_bytes : int
        One file or one unpacked member; tables that are read row by row may be larger.
    unpacked_bytes : int
        Everything that comes out of one archive or mail, nested ones included.
    members : int
        Files in one archive or mail, nested ones included.
    depth : int
        Archives and mails inside one another.
    ratio : int
        How many times larger than packed a member may be; small members may always unpack.
    cells : int
        The rectangle that holds all filled cells of a sheet; the sheet's reader lays it out whole.
    pages : int
        Pages of one document.
    pixels : int
        Picture elements of one image.
    seconds : int
        The time an outside program gets for one file.
    """

    file_bytes: int = 1 << 28
    unpacked_bytes: int = 1 << 30
    members: int = 5000
    depth: int = 3
    ratio: int = 200
    cells: int = 20_000_000
    pages: int = 300
    pixels: int = 80_000_000
    seconds: int = 120
