"""Mails, EML: the letter in the body, and each attachment as a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from triage.intake.encoding import decoded_anyhow
from triage.intake.limits import Limits
from triage.intake.parts import Document, Part, attached, broken, suffix_of
from triage.intake.web import text_of_html

if TYPE_CHECKING:
    from email.message import EmailMessage, MIMEPart

__all__ = ["read_eml"]

_MAIL = "message/rfc822"


def read_eml(path: Path, limits: Limits) -> Iterator[Document | Part]:
    """Yield the body, then the attachments in order."""
    from email import policy
    from email.parser import BytesParser

    try:
        with open(path, "rb") as file:
            message = BytesParser(policy=policy.default).parse(file)
        if not message.keys():
            raise broken(path, "EML", "no headers")
        body = message.get_body(("plain", "html"))
        yield Document(id=path.stem, title=_subject(message), text=_text(body, path), date=_date(message))
        parts = [part for part in _leaves(message) if part is not body and _is_file(part)]
    except (RecursionError, AttributeError, LookupError, TypeError) as error:  # headers that the parser trips over
        raise broken(path, "EML", error) from None
    with TemporaryDirectory() as folder:
        for number, part in enumerate(parts, 1):
            yield from attached(Path(folder), _name(part, number), _bytes(part))


def _subject(message: EmailMessage) -> str:
    return " ".join(str(message.get("subject", "")).split())


def _date(message: EmailMessage) -> str:
    sent = getattr(message.get("date"), "datetime", None)
    return sent.date().isoformat() if sent else ""


def _text(body: MIMEPart | None, path: Path) -> str:
    if body is None:
        return ""
    text = decoded_anyhow(_bytes(body), path, body.get_content_charset() or "")
    return text_of_html(text, path)[1] if body.get_content_subtype() == "html" else text.replace("\r\n", "\n")


def _leaves(part: MIMEPart) -> Iterator[MIMEPart]:
    """Yield the parts that hold something; a mail inside the mail is one of them."""
    if part.get_content_type() == _MAIL or not part.is_multipart():
        yield part
    else:
        for inner in part.iter_parts():
            yield from _leaves(inner)


def _is_file(part: MIMEPart) -> bool:
    """Say whether it is an attachment or a picture in the text, and not another form of the body."""
    return bool(part.get_filename()) or part.is_attachment() or part.get_content_maintype() not in ("text", "multipart")


def _name(part: MIMEPart, number: int) -> str:
    import mimetypes

    kind = part.get_content_type()
    suffix = ".eml" if kind == _MAIL else mimetypes.guess_extension(kind) or ""
    name = part.get_filename() or f"{number}{suffix}"
    return name if suffix_of(name) or not suffix else name + suffix


def _bytes(part: MIMEPart) -> bytes:
    if part.get_content_type() == _MAIL:
        inner = next(part.iter_parts(), None)
        return inner.as_bytes() if inner else b""
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""
