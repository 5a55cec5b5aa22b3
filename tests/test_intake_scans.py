from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triage.errors import InputError
from triage.intake import Columns, Limits, Reading, read_all

pytest.importorskip("rapidocr", reason="the extra ocr is not installed")
Image = pytest.importorskip("PIL.Image")
ImageDraw = pytest.importorskip("PIL.ImageDraw")
ImageFilter = pytest.importorskip("PIL.ImageFilter")
ImageFont = pytest.importorskip("PIL.ImageFont")

SHIPPED = Path(__file__).parents[1] / "data"
FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts", "C:/Windows/Fonts")
NAMES = ("wqy-*", "NotoSansCJK*", "NotoSerifCJK*", "uming*", "msyh*", "simsun*", "PingFang*")
FONT = next((str(file) for folder in FOLDERS for name in NAMES for file in sorted(Path(folder).rglob(name))), "")
scans = pytest.mark.skipif(not FONT, reason="no Chinese font to print the scans with")

WIDTH, HEIGHT, LEFT, TOP = 1240, 1754, 130, 160  # A4 at 150 dots an inch
PARAGRAPHS = (
    "我叫李大山，是东河村三组村民。二〇二六年三月二日，村里把我家的承包地收回去了，面积四亩二分，至今未付补偿款三万五千元，电话13800001234。",
    "我已经多次找村委会，自己跑了五趟，护士和战士都知道这块土地的来历，末了还是无人过问。",
    "请求镇政府责令归还土地，并按日支付利息。",
    "反映人：李大山",
)


@pytest.fixture(scope="module")
def columns() -> Columns:
    return Columns.load(SHIPPED)


def printed(lines: list[str], size: int = 32, jitter: float = 0.0) -> Any:
    """Return a page; with jitter each character has a size, slant and height of its own, as written by hand."""
    chance = random.Random(7)
    page = Image.new("L", (WIDTH, HEIGHT), 255)
    for row, line in enumerate(lines):
        for column, char in enumerate(line):
            x, y = LEFT + column * size, TOP + int(row * size * 1.7)
            if not jitter:
                ImageDraw.Draw(page).text((x, y), char, font=ImageFont.truetype(FONT, size), fill=0)
                continue
            glyph = Image.new("L", (2 * size, 2 * size), 0)
            font = ImageFont.truetype(FONT, int(size * chance.uniform(0.75, 1.2)))
            ImageDraw.Draw(glyph).text((size // 2, size // 2), char, font=font, fill=255)
            glyph = glyph.rotate(chance.uniform(-14, 14) * jitter, resample=Image.Resampling.BICUBIC)
            shear = (1, chance.uniform(-0.3, 0.3) * jitter, 0, chance.uniform(-0.25, 0.25) * jitter, 1, 0)
            glyph = glyph.transform(glyph.size, Image.Transform.AFFINE, shear, Image.Resampling.BICUBIC)
            page.paste(0, (x - size // 2 + chance.randint(-3, 3), y - size // 2 + chance.randint(-6, 6)), glyph)
    return page


def broken_lines(length: int = 30) -> list[str]:
    texts = [f"　　{paragraph}" for paragraph in PARAGRAPHS]
    return [text[start : start + length] for text in texts for start in range(0, len(text), length)]


def noisy(page: Any, angle: float, spread: float, blur: float = 0.8) -> Any:
    chance = np.random.default_rng(7)
    page = page.rotate(angle, fillcolor=255, resample=Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(blur))
    dots = np.asarray(page, dtype=float) * 0.8 + 25 + chance.normal(0, spread, (HEIGHT, WIDTH))
    specks = chance.random(dots.shape)
    dots[specks < 0.002] = 0
    dots[specks > 0.998] = 255
    file = io.BytesIO()
    Image.fromarray(dots.clip(0, 255).astype("uint8")).save(file, "JPEG", quality=35)
    return Image.open(file)


def read(path: Path, columns: Columns) -> Reading:
    (found,) = read_all(path, columns)
    assert isinstance(found, Reading)
    assert found.layout is not None
    return found


def saved(path: Path, page: Any, **options: Any) -> Path:
    page.copy().save(path, **options)  # a picture remembers how it was saved last
    return path


def error_rate(found: str, meant: str) -> float:
    """Return the edits for a character, spaces and line breaks left out."""
    found, meant = "".join(found.split()), "".join(meant.split())
    row = list(range(len(meant) + 1))
    for place, char in enumerate(found, 1):
        before, row = row, [place]
        for other in range(1, len(meant) + 1):
            row.append(min(before[other] + 1, row[-1] + 1, before[other - 1] + (char != meant[other - 1])))
    return row[-1] / len(meant)


def refused(path: Path, columns: Columns, limits: Limits | None = None) -> str:
    with pytest.raises(InputError) as caught:
        list(read_all(path, columns, limits))
    kind = str(caught.value.values.get("kind", ""))
    return kind if caught.value.code == "file_broken" and "_" in kind else caught.value.code


# What needs no font


def blank(width: int, height: int) -> bytes:
    """Return a PNG that says it is this large and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp", "a.webp"])
@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_broken_picture(tmp_path: Path, columns: Columns, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert refused(tmp_path / name, columns) == "file_broken"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_a_picture_cut_short(tmp_path: Path, columns: Columns, name: str) -> None:
    path = saved(tmp_path / name, Image.effect_noise((300, 300), 50))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refused(path, columns) == "file_broken"


@pytest.mark.parametrize(("width", "height"), [(100_000, 100_000), (12_000, 8_000)])
def test_a_picture_that_unpacks_to_too_much(tmp_path: Path, columns: Columns, width: int, height: int) -> None:
    (tmp_path / "a.png").write_bytes(blank(width, height))
    assert refused(tmp_path / "a.png", columns) == "many_pixels"


@pytest.mark.slow
def test_too_many_pages(tmp_path: Path, columns: Columns) -> None:
    page = Image.new("L", (40, 40), 255)
    path = saved(tmp_path / "a.tif", page, save_all=True, append_images=[page] * 3)
    assert refused(path, columns, Limits(pages=3)) == "many_pages"


@pytest.mark.slow
def test_a_blank_page_is_a_letter_without_text(tmp_path: Path, columns: Columns) -> None:
    found = read(saved(tmp_path / "a.png", Image.new("RGBA", (400, 300), (255, 255, 255, 255))), columns)
    assert found.petition.body == ""
    assert "reading" not in found.petition.fields


# Scans


@scans
@pytest.mark.slow
def test_clean_print(tmp_path: Path, columns: Columns) -> None:
    found = read(saved(tmp_path / "来信.png", printed(broken_lines())), columns)
    assert error_rate(found.petition.body, "".join(PARAGRAPHS)) <= 0.05
    assert found.petition.body.count("\n") == len(PARAGRAPHS) - 1  # broken sentences are whole again
    assert found.petition.id == "来信"
    assert found.petition.fields == {}


@scans
@pytest.mark.slow
@pytest.mark.parametrize(("angle", "spread", "size"), [(-3, 18, 32), (1, 30, 28), (5, 18, 32), (2, 30, 24)])
def test_noisy_print(tmp_path: Path, columns: Columns, angle: float, spread: float, size: int) -> None:
    page = noisy(printed(broken_lines(), size), angle, spread, blur=1.0)
    found = read(saved(tmp_path / "a.jpg", page), columns)
    assert error_rate(found.petition.body, "".join(PARAGRAPHS)) <= 0.12
    assert found.petition.fields == {}


@scans
@pytest.mark.slow
@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_page_laid_in_wrongly(tmp_path: Path, columns: Columns, angle: int) -> None:
    found = read(saved(tmp_path / "a.png", printed(broken_lines()).rotate(angle, expand=True)), columns)
    assert error_rate(found.petition.body, "".join(PARAGRAPHS)) <= 0.05
    start = found.petition.body.index("李大山")
    ((_, box),) = found.layout.boxes((start, start + 3))  # type: ignore[union-attr]
    x, y = (LEFT + 5.5 * 32) / WIDTH, (TOP + 16) / HEIGHT
    middle = {90: (y, 1 - x), 180: (1 - x, 1 - y), 270: (1 - y, x)}[angle]
    assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx(middle, abs=0.03)


@scans
@pytest.mark.slow
def test_a_photograph_that_says_how_it_was_held(tmp_path: Path, columns: Columns) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    page = printed(broken_lines()[:3]).rotate(90, expand=True)
    found = read(saved(tmp_path / "a.jpg", page, exif=exif), columns)
    assert error_rate(found.petition.body, PARAGRAPHS[0]) <= 0.05


@scans
@pytest.mark.slow
def test_a_hand_is_tried_and_marked(tmp_path: Path, columns: Columns) -> None:
    found = read(saved(tmp_path / "a.jpg", printed(broken_lines(26), 36, jitter=1.5)), columns)
    assert found.petition.fields == {"reading": "uncertain"}
    assert found.petition.body


@scans
@pytest.mark.slow
def test_every_span_has_its_page_and_box(tmp_path: Path, columns: Columns) -> None:
    lines = broken_lines()
    pages = [printed(lines[:3]), printed(lines[3:])]
    pdf = saved(
        tmp_path / "a.pdf", pages[0], save_all=True, append_images=[page.copy() for page in pages[1:]], resolution=150
    )
    tiff = saved(tmp_path / "a.tif", pages[0], save_all=True, append_images=[page.copy() for page in pages[1:]])
    for path in (pdf, tiff):
        found = read(path, columns)
        assert error_rate(found.petition.body, "".join(PARAGRAPHS)) <= 0.05
        for phrase in ("承包地", "村委会", "利息"):
            row = next(row for row, line in enumerate(lines) if phrase in line)
            start = found.petition.body.index(phrase)
            ((page, box),) = found.layout.boxes((start, start + len(phrase)))  # type: ignore[union-attr]
            assert page == 1 + (row >= 3)
            x = (LEFT + 32 * (lines[row].index(phrase) + len(phrase) / 2)) / WIDTH
            y = (TOP + int((row - 3 * (row >= 3)) * 32 * 1.7) + 18) / HEIGHT
            assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx((x, y), abs=0.03)


@scans
@pytest.mark.slow
def test_a_scan_among_other_files(tmp_path: Path, columns: Columns) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    saved(folder / "1.png", printed([PARAGRAPHS[2]]))
    (folder / "2.png").write_bytes(b"no picture")
    (folder / "3.txt").write_text("请修路。", encoding="utf-8")
    first, second, third = read_all(folder, columns)
    assert isinstance(first, Reading)
    assert error_rate(first.petition.body, PARAGRAPHS[2]) <= 0.05
    assert isinstance(second, InputError)
    assert isinstance(third, Reading)
