from __future__ import annotations

import builtins
import io
import itertools
import stat
import struct
from email.message import EmailMessage
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import docx
import pytest
from docx.oxml import parse_xml

from triage.errors import InputError
from triage.intake import Columns, Limits, Reading, read_all
from triage.intake.kinds import kind_of
from triage.schema import Petition

LETTER = "尊敬的领导：三楼停水五天，请尽快恢复。"
SHIPPED = Path(__file__).parents[1] / "data"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@pytest.fixture(scope="module")
def columns() -> Columns:
    return Columns.load(SHIPPED)


def reason(error: InputError) -> str:
    """Return the code; the texts of new codes may not stand in the catalogue yet."""
    kind = str(error.values.get("kind", ""))
    return kind if error.code == "file_broken" and "_" in kind else error.code


def readings(path: Path, columns: Columns, limits: Limits | None = None) -> list[Reading]:
    found = list(read_all(path, columns, limits))
    assert all(isinstance(item, Reading) for item in found), found
    return [item for item in found if isinstance(item, Reading)]


def letter(path: Path, columns: Columns) -> Petition:
    (only,) = readings(path, columns)
    return only.petition


def refused(path: Path, columns: Columns, limits: Limits | None = None) -> str:
    with pytest.raises(InputError) as caught:
        list(read_all(path, columns, limits))
    assert str(path) in caught.value.text("zh")
    return reason(caught.value)


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# Word


def word(path: Path, *paragraphs: str) -> Path:
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    document.save(str(path))
    return path


def test_a_word_document(tmp_path: Path, columns: Columns) -> None:
    document = docx.Document()
    document.add_heading("停水", 1)
    document.add_paragraph("三楼停水\n五天")
    table = document.add_table(2, 2)
    for cell, text in zip(
        itertools.chain(*(row.cells for row in table.rows)), ("姓名", "李", "电话", "1"), strict=True
    ):
        cell.text = text
    document.add_paragraph("请恢复")
    document.save(str(tmp_path / "来信7.docx"))
    assert letter(tmp_path / "来信7.docx", columns) == Petition(
        id="来信7", body="停水\n三楼停水\n五天\n姓名 李 \n电话 1 \n请恢复"
    )


def test_text_boxes_once_and_deleted_text_never(tmp_path: Path, columns: Columns) -> None:
    document = docx.Document()
    box = "<w:txbxContent><w:p><w:r><w:t>框内</w:t></w:r></w:p></w:txbxContent>"
    document.element.body.insert(0, parse_xml(
        f'<w:p xmlns:w="{WORD}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:r>'
        f'<mc:AlternateContent><mc:Choice Requires="wps">{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>'
        "</mc:AlternateContent><w:t>框外</w:t></w:r><w:del><w:r><w:delText>删去</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>加上</w:t></w:r></w:ins></w:p>"
    ))  # fmt: skip
    document.save(str(tmp_path / "a.docx"))
    assert letter(tmp_path / "a.docx", columns).body == "框内\n框外加上"


def test_the_pictures_of_a_word_document_without_text(tmp_path: Path, columns: Columns) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 9, 9, 8, 0, 0, 0, 0, 0)
    picture += struct.pack(">I4sI", 0, b"IEND", 0)
    document = docx.Document()
    document.add_picture(io.BytesIO(picture))
    document.save(str(tmp_path / "a.docx"))
    (found,) = read_all(tmp_path / "a.docx", columns)
    assert isinstance(found, InputError)
    assert found.values["path"] == "a.docx/image1.png"
    document.add_paragraph(LETTER * 3)
    document.save(str(tmp_path / "a.docx"))
    assert letter(tmp_path / "a.docx", columns).body.strip() == LETTER * 3


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no document", b"PK\x05\x06" + bytes(18)])
def test_a_broken_word_document(tmp_path: Path, columns: Columns, content: bytes) -> None:
    assert refused(written(tmp_path / "a.docx", content), columns) in ("file_broken", "file_empty")


def test_a_word_document_cut_short(tmp_path: Path, columns: Columns) -> None:
    path = word(tmp_path / "a.docx", LETTER)
    assert refused(written(path, path.read_bytes()[:-300]), columns) == "file_broken"


def test_a_word_document_that_unpacks_to_too_much(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "a.docx"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * (4 << 20))
    assert refused(path, columns) == "unpacks_large"


def test_an_encrypted_word_document(tmp_path: Path, columns: Columns) -> None:
    content = compound({"EncryptedPackage": b"x" * 5000, "EncryptionInfo": b"x"})
    assert refused(written(tmp_path / "a.docx", content), columns) == "file_encrypted"
    assert refused(written(tmp_path / "a.xlsx", content), columns) == "file_encrypted"


# Old Word


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


DOC = {"WordDocument": b"x" * 5000}


def test_old_word_with_antiword(tmp_path: Path, columns: Columns, programs: Path) -> None:
    program(programs, "antiword", f'test -f "$5" && printf "\\n{LETTER}\\n"')
    path = written(tmp_path / "-来信.doc", b"")
    path.write_bytes(compound(DOC))
    assert letter(path, columns) == Petition(id="-来信", body=LETTER)


@pytest.mark.parametrize("name", ["soffice", "libreoffice"])
def test_old_word_with_libreoffice(tmp_path: Path, columns: Columns, programs: Path, name: str) -> None:
    program(programs, name, f'printf "{LETTER}" > "$6/a.txt"')
    assert letter(written(tmp_path / "a.doc", compound(DOC)), columns).body == LETTER
    program(programs, "antiword", "exit 1")
    assert letter(written(tmp_path / "a.doc", b"{\\rtf1 x}"), columns).body == LETTER


def test_old_word_without_a_program_or_with_one_that_fails(tmp_path: Path, columns: Columns, programs: Path) -> None:
    path = written(tmp_path / "a.doc", compound(DOC))
    program(programs, "antiword", "exit 1")
    assert refused(path, columns) == "file_broken"
    program(programs, "antiword", "while :; do :; done")
    assert refused(path, columns, Limits(seconds=1)) == "file_broken"
    (programs / "antiword").unlink()
    program(programs, "soffice", "exit 0")
    assert refused(path, columns) == "file_broken"
    (programs / "soffice").unlink()
    assert refused(path, columns) == "doc_program"


# Kinds


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.doc", b"%PDF-1.4", ".pdf"),
        ("a.pdf", b"\xff\xd8\xff\xe0", ".jpg"),
        ("a.jpg", b"\x89PNG\r\n\x1a\n", ".png"),
        ("a.doc", b"\xef\xbb\xbf\n<!doctype HTML>", ".html"),
        ("a.doc", b"{\\rtf1", ".rtf"),
        ("a.xls", b"<html>", ".xls"),
        ("a.xlsx", b"no such file kind", ".xlsx"),
        ("a.txt", b"%PDF-1.4", ".txt"),
        ("a.PDF", b"%PDF-1.4", ".pdf"),
    ],
)
def test_kinds_by_their_first_bytes(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    assert kind_of(written(tmp_path / name, content)) == kind


def test_a_wrong_ending_does_not_matter(tmp_path: Path, columns: Columns) -> None:
    word(tmp_path / "a.docx", LETTER).rename(tmp_path / "a.doc")
    assert letter(tmp_path / "a.doc", columns).body == LETTER
    (tmp_path / "a.doc").rename(tmp_path / "a.pdf")
    assert letter(tmp_path / "a.pdf", columns).body == LETTER
    path = written(tmp_path / "b.doc", f"<html><body><p>{LETTER}</p></body></html>")
    assert letter(path, columns).body == LETTER
    path = written(
        tmp_path / "c.xls",
        compound({"__properties_version1.0": bytes(32), "__substg1.0_1000001F": LETTER.encode("utf-16-le")}),
    )
    assert letter(path, columns).body == LETTER


# Web pages


def test_a_page(tmp_path: Path, columns: Columns) -> None:
    page = """<!DOCTYPE html><html><head><title> 停
      水 </title><style>p{}</style><script>var a = "<p>no</p>";</script></head><body>
      <h1>停水</h1><p>三楼<b>停水</b>五天，<br>请&nbsp;恢复&lt;。</p><!-- no --><table><tr><td>姓名</td><td>李</td></tr></table>
      <ul><li>一<li>二</ul><textarea>no</textarea>尾</body></html>"""
    found = letter(written(tmp_path / "a.html", page), columns)
    assert found == Petition(id="a", title="停 水", body="停水\n三楼停水五天，\n请 恢复<。\n姓名 李\n一\n二\n尾")


@pytest.mark.parametrize("encoding", ["gb2312", "gbk", "big5", "utf-8", "utf-16"])
def test_the_encoding_that_a_page_declares(tmp_path: Path, columns: Columns, encoding: str) -> None:
    text = "臺北市" if encoding == "big5" else "镕基路" if encoding == "gbk" else "路灯"
    page = f'<html><head><meta charset="{encoding}"></head><body>{text}</body></html>'
    path = written(tmp_path / "a.htm", page.encode("gb18030" if encoding == "gb2312" else encoding))
    assert letter(path, columns).body == text


@pytest.mark.parametrize("declared", ["no-such", "utf-8", "rot13", "idna"])
def test_a_wrong_declaration_is_passed_over(tmp_path: Path, columns: Columns, declared: str) -> None:
    page = f'<meta charset="{declared}">{LETTER * 3}'.encode("gb18030")
    assert letter(written(tmp_path / "a.html", page), columns).body == LETTER * 3


def test_text_without_tags_and_nothing_at_all(tmp_path: Path, columns: Columns) -> None:
    assert letter(written(tmp_path / "a.html", LETTER), columns).body == LETTER
    assert letter(written(tmp_path / "a.html", b""), columns).body == ""
    assert letter(written(tmp_path / "a.html", "<!-- -->"), columns).body == ""
    assert refused(written(tmp_path / "a.html", b"\x89PNG\x00\x00"), columns) == "file_broken"


@pytest.mark.parametrize(
    "page", ["<div>" * 60_000 + "深", "<" * 100_000 + "深", "<a " * 60_000 + ">深", "<p>深" + "</p" * 60_000]
)
def test_pages_made_to_be_slow(tmp_path: Path, columns: Columns, page: str) -> None:
    assert letter(written(tmp_path / "a.html", page), columns).id == "a"


# Mails


def mail(text: str = LETTER, subject: str = "停水") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["Date"] = "Mon, 02 Mar 2026 09:00:00 +0800"
    message.set_content(text)
    return message


def test_a_mail(tmp_path: Path, columns: Columns) -> None:
    path = written(tmp_path / "a.eml", bytes(mail()))
    assert letter(path, columns) == Petition(id="a", title="停水", body=LETTER + "\n", fields={"date": "2026-03-02"})


def test_a_mail_with_attachments(tmp_path: Path, columns: Columns) -> None:
    message = mail("见附件。")
    message.add_alternative("<p>见附件。</p>", subtype="html")
    content = word(tmp_path / "b.docx", LETTER).read_bytes()
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename="来信.docx")
    message.add_attachment(b"film", maintype="video", subtype="mp4", filename="../../a.mp4")
    message.add_attachment("停电", filename="电.txt")
    message.add_attachment(mail("第二封", "转发"))
    found = list(read_all(written(tmp_path / "a.eml", bytes(message)), columns))
    petitions = {item.petition.id: item.petition.body.strip() for item in found if isinstance(item, Reading)}
    assert petitions == {"a": "见附件。", "a.eml/来信.docx": LETTER, "a.eml/电.txt": "停电", "a.eml/4.eml": "第二封"}
    assert [str(item.values["path"]) for item in found if isinstance(item, InputError)] == ["a.eml/a.mp4"]


def test_a_mail_in_html_alone(tmp_path: Path, columns: Columns) -> None:
    message = mail()
    message.set_content("<p>停水</p><p>五天</p>", subtype="html", charset="gb2312")
    assert letter(written(tmp_path / "a.eml", bytes(message)), columns).body == "停水\n五天"


def test_a_mail_whose_encoding_is_not_what_it_says(tmp_path: Path, columns: Columns) -> None:
    head = (
        b"Subject: =?gb2312?B?zaPLrg==?=\nContent-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: 8bit\n\n"
    )
    assert letter(written(tmp_path / "a.eml", head + "镕基路停水".encode("gbk")), columns).body == "镕基路停水"
    found = letter(written(tmp_path / "a.eml", head.replace(b"gb2312\n", b"utf-8\n") + LETTER.encode("gbk")), columns)
    assert found.title == "停水"
    assert found.body == LETTER


@pytest.mark.parametrize(
    "content",
    [b"", b"no headers", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b--", b"Subject: a\nContent-Type: ;\n\nx",
     b"Subject: =?x?y\nDate: never\nContent-Type: text/plain; charset=\"\n\nx", b"Subject: a\n\n\x00\xff",
     b"Content-Type: multipart/mixed; boundary=b\n\n" * 300],
)  # fmt: skip
def test_broken_mails(tmp_path: Path, columns: Columns, content: bytes) -> None:
    path = written(tmp_path / "a.zip", b"")
    with ZipFile(path, "w") as archive:
        archive.writestr("a.eml", content)
    assert all(isinstance(item, Reading) or item.code == "file_broken" for item in read_all(path, columns))


# Outlook


def compound(files: dict[str, bytes]) -> bytes:
    """Return a compound file (MS-CFB) with these streams, ``/`` between storages."""
    sector, small, end, free = 512, 64, 0xFFFFFFFE, 0xFFFFFFFF
    names = sorted({"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 2)})
    numbers = {name: number for number, name in enumerate(names, 1)}
    minis, mini_fat, starts = b"", [], {}
    for name, data in files.items():
        if len(data) < 4096:
            starts[name] = len(mini_fat) if data else end
            count = -(-len(data) // small)
            mini_fat += [len(mini_fat) + step + 1 for step in range(count - 1)] + [end] * bool(count)
            minis += data.ljust(count * small, b"\x00")

    def entry(name: str, kind: int, child: int, right: int, start: int, size: int) -> bytes:
        label = name.encode("utf-16-le") + b"\x00\x00"
        head = label.ljust(64, b"\x00") + struct.pack("<HBB3I", len(label), kind, 1, free, right, child)
        return head + bytes(36) + struct.pack("<IQ", start, size)

    def children(within: str) -> list[str]:
        return [name for name in names if name.rpartition("/")[0] == within]

    blocks: list[tuple[str, bytes]] = [(name, data) for name, data in files.items() if len(data) >= 4096]
    blocks += [("minis", minis), ("mini fat", struct.pack(f"<{len(mini_fat)}I", *mini_fat))]
    fat, body, places = [0xFFFFFFFD], b"", {}
    blocks.append(("directory", bytes(128 * (len(names) + 1))))
    for name, data in blocks:
        count = -(-len(data) // sector)
        places[name] = len(fat) if count else end
        fat += [len(fat) + step + 1 for step in range(count - 1)] + [end] * bool(count)
    directory = entry("Root Entry", 5, numbers[children("")[0]], free, places["minis"], len(minis))
    for name in names:
        siblings = children(name.rpartition("/")[0])
        after = siblings[siblings.index(name) + 1 :]
        right = numbers[after[0]] if after else free
        inner = children(name)
        if name in files:
            start = places[name] if name in places else starts[name]
            directory += entry(name.rpartition("/")[2], 2, free, right, start, len(files[name]))
        else:
            directory += entry(name.rpartition("/")[2], 1, numbers[inner[0]], right, 0, 0)
    blocks[-1] = ("directory", directory)
    for _, data in blocks:
        body += data.ljust(-(-len(data) // sector) * sector, b"\xff" if not data else b"\x00")
    assert len(fat) <= sector // 4
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack(
        "<9I", 0, 1, places["directory"], 0, 4096, places["mini fat"], -(-len(mini_fat) * 4 // sector), end, 0
    )
    header += struct.pack("<109I", 0, *[free] * 108)
    return header + struct.pack("<128I", *fat, *[free] * (128 - len(fat))) + body


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


MSG = {
    "__properties_version1.0": bytes(32) + struct.pack("<IIQ", 0x0E060040, 0, 134169192000000000),
    "__substg1.0_0037001F": utf16("停水"),
    "__substg1.0_1000001F": utf16("见附件。\r\n"),
}


def test_a_mail_of_outlook(tmp_path: Path, columns: Columns) -> None:
    path = written(tmp_path / "a.msg", compound(MSG))
    assert letter(path, columns) == Petition(id="a", title="停水", body="见附件。\n", fields={"date": "2026-03-02"})


def test_a_mail_of_outlook_with_attachments(tmp_path: Path, columns: Columns) -> None:
    attach = "__attach_version1.0_#0000000"
    files = MSG | {
        f"{attach}0/__substg1.0_3707001F": utf16("..\\来信.docx"),
        f"{attach}0/__substg1.0_37010102": word(tmp_path / "b.docx", LETTER).read_bytes(),
        f"{attach}1/__substg1.0_3704001E": b"a.mp4",
        f"{attach}1/__substg1.0_37010102": b"film",
        f"{attach}2/__substg1.0_3701000D/__properties_version1.0": bytes(24) + struct.pack("<IIQ", 0x3FDE0003, 0, 936),
        f"{attach}2/__substg1.0_3701000D/__substg1.0_0037001F": utf16("转发"),
        f"{attach}2/__substg1.0_3701000D/__substg1.0_10130102": "<p>第二封</p>".encode("gb18030"),
        f"{attach}2/__substg1.0_3701000D/{attach}0/__substg1.0_3707001F": utf16("电.txt"),
        f"{attach}2/__substg1.0_3701000D/{attach}0/__substg1.0_37010102": "停电".encode(),
    }
    found = list(read_all(written(tmp_path / "a.msg", compound(files)), columns))
    petitions = {item.petition.id: item.petition.body for item in found if isinstance(item, Reading)}
    assert petitions == {
        "a": "见附件。\n",
        "a.msg/来信.docx": LETTER,
        "a.msg/转发.txt": "转发\n第二封",
        "a.msg/电.txt": "停电",
    }
    assert [str(item.values["path"]) for item in found if isinstance(item, InputError)] == ["a.msg/a.mp4"]


@pytest.mark.parametrize("content", [b"", b"no mail", compound(MSG)[:700], compound({"a": b"x"})])
def test_a_broken_mail_of_outlook(tmp_path: Path, columns: Columns, content: bytes) -> None:
    assert refused(written(tmp_path / "a.msg", content), columns) == "file_broken"


# PDF


def pdf(*pages: list[str], extra: str = "", rotate: int = 0) -> bytes:
    """Return a PDF with lines of text, 20 points a line from (50, 750)."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{6 + 2 * n} 0 R' for n in range(len(pages)))}] >>",
        "<< /Type /Font /Subtype /Type0 /BaseFont /SimSun /Encoding /UniGB-UCS2-H /DescendantFonts [4 0 R] >>",
        "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /SimSun /DW 1000 /FontDescriptor 5 0 R"
        " /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> >>",
        "<< /Type /FontDescriptor /FontName /SimSun /Flags 4 /Ascent 880 /Descent -120 /ItalicAngle 0 /StemV 80"
        " /CapHeight 700 /FontBBox [0 -120 1000 880] >>",
    ]
    for number, lines in enumerate(pages):
        shown = [
            f"BT /F 12 Tf 1 0 0 1 50 {750 - 20 * row} Tm <{line.encode('utf-16-be').hex()}> Tj ET"
            for row, line in enumerate(lines)
        ]
        stream = "\n".join(shown)
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Rotate {rotate} /Contents {7 + 2 * number} 0 R"
            " /Resources << /Font << /F 3 0 R >> >> >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    out, offsets = io.BytesIO(b"%PDF-1.4\n"), []
    out.seek(0, 2)
    for number, content in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(f"{number} 0 obj\n{content}\nendobj\n".encode())
    start = out.tell()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode())
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {extra}>>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


LINES = ["尊敬的领导：", "我是东河村三组村民二〇二六年三月二日村里把我家的承包地收回去了至", "今没有说法。"]


def test_a_pdf_with_text(tmp_path: Path, columns: Columns) -> None:
    (found,) = readings(written(tmp_path / "a.pdf", pdf(LINES, ["请求归还。"])), columns)
    assert found.petition == Petition(id="a", body=f"{LINES[0]}\n{LINES[1]}{LINES[2]}\n请求归还。")
    assert found.layout is not None
    start = found.petition.body.index("东河")
    ((page, box),) = found.layout.boxes((start, start + 3))
    assert page == 1
    assert box == pytest.approx((74 / 600, 1 - 740 / 800, 110 / 600, 1 - 729 / 800), abs=0.012)
    start = found.petition.body.index("归还")
    assert [page for page, _ in found.layout.boxes((start, start + 2))] == [2]
    assert found.layout.score() == 1.0


def test_a_box_stands_where_the_page_shows_it(tmp_path: Path, columns: Columns) -> None:
    (found,) = readings(written(tmp_path / "a.pdf", pdf(["停水"], rotate=90)), columns)
    assert found.layout is not None
    ((_, (left, top, right, bottom)),) = found.layout.boxes((0, 2))
    assert left > 0.9 > bottom > top  # the upper left corner has become the upper right one
    assert bottom - top == pytest.approx(24 / 600, abs=0.01)
    assert right > left


def test_an_empty_page_is_a_letter_without_text(tmp_path: Path, columns: Columns) -> None:
    assert letter(written(tmp_path / "a.pdf", pdf([])), columns).body == ""


@pytest.mark.parametrize("content", [b"", b"%PDF-", b"%PDF-1.4\nno document", pdf(LINES)[:200]])
def test_a_broken_pdf(tmp_path: Path, columns: Columns, content: bytes) -> None:
    assert refused(written(tmp_path / "a.pdf", content), columns) == "file_broken"


def test_an_encrypted_pdf(tmp_path: Path, columns: Columns) -> None:
    key = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{'ab' * 32}> /U <{'cd' * 32}> /P -4 >> /ID [<{'00' * 16}> <{'00' * 16}>] "
    assert refused(written(tmp_path / "a.pdf", pdf(LINES, extra=key)), columns) == "file_encrypted"


def test_a_pdf_with_too_many_pages(tmp_path: Path, columns: Columns) -> None:
    path = written(tmp_path / "a.pdf", pdf(*[["停水"]] * 4))
    assert refused(path, columns, Limits(pages=3)) == "many_pages"


def test_pictures_without_the_extra(tmp_path: Path, columns: Columns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triage.intake.ocr.find_spec", lambda name: None)
    assert refused(written(tmp_path / "a.jpg", b"\xff\xd8\xff"), columns) == "ocr_missing"
    assert letter(written(tmp_path / "a.pdf", pdf(LINES)), columns).body


def test_readers_are_not_loaded_before_they_are_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, columns: Columns
) -> None:
    real = builtins.__import__

    def watched(name: str, *rest: object, **more: object) -> object:
        assert name.partition(".")[0] not in ("docx", "lxml", "pypdfium2", "rapidocr", "olefile", "PIL", "email"), name
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", watched)
    assert letter(written(tmp_path / "a.txt", LETTER), columns).body == LETTER


@pytest.mark.parametrize("name", ["a.docx", "a.msg", "a.eml", "a.pdf", "a.zip"])
def test_a_file_cut_anywhere_is_read_or_refused(tmp_path: Path, columns: Columns, name: str) -> None:
    document = word(tmp_path / "b.docx", LETTER).read_bytes()
    message = mail()
    message.add_attachment(document, maintype="application", subtype="octet-stream", filename="a.docx")
    attached = {"__attach_version1.0_#00000000/__substg1.0_37010102": document}
    archive = io.BytesIO()
    with ZipFile(archive, "w") as packed:
        packed.writestr("a.docx", document)
    whole = {"a.docx": document, "a.msg": compound(MSG | attached), "a.eml": bytes(message), "a.pdf": pdf(LINES)}
    content = whole.get(name) or archive.getvalue()
    for part in range(24):
        path = written(tmp_path / name, content[: len(content) * part // 24])
        try:
            found = list(read_all(path, columns))
        except InputError:
            continue
        assert found
