"""Pictures of letters: JPEG, PNG, TIFF with any number of pages, BMP, WebP."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

from triage.errors import InputError
from triage.intake.limits import Limits
from triage.intake.lines import Line
from triage.intake.ocr import letter_of, need_ocr, read_picture
from triage.intake.parts import Document, broken, refused

__all__ = ["read_image"]


def read_image(path: Path, limits: Limits) -> Iterator[Document]:
    """Yield the picture as one letter, read by OCR."""
    need_ocr(path)
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limits say what is too large
            lines = list(_pages(path, limits))
    except Image.DecompressionBombError:
        raise refused("many_pixels", path, allowed=limits.pixels) from None
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise broken(path, "an image", error) from None
    yield letter_of(path, lines)


def _pages(path: Path, limits: Limits) -> Iterator[Line]:
    import numpy as np
    from PIL import Image, ImageOps, ImageSequence

    with Image.open(path) as picture:
        for page, frame in enumerate(ImageSequence.Iterator(picture), 1):
            if page > limits.pages:
                raise refused("many_pages", path, allowed=limits.pages)
            if frame.width * frame.height > limits.pixels:
                raise refused("many_pixels", path, allowed=limits.pixels)
            upright = ImageOps.exif_transpose(frame).convert("RGB")
            yield from read_picture(np.asarray(upright)[..., ::-1], page)
