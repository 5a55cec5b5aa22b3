"""Messages to other programs: signed, tried again with growing pauses, never two at once."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import select, update

from service.db import Database
from service.db.tables import Delivery, Webhook, now
from service.problems import Problem
from service.settings import Settings
from triage import __version__

__all__ = ["PAUSES", "SIGNATURE", "Sender", "check_url", "deliver", "signature"]

SIGNATURE = "X-Triage-Signature"
PAUSES = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0)  # seconds before each further try; then it is given up
_LEASE = timedelta(seconds=60)  # a process that claimed a message and said nothing for so long is gone
_PATIENCE = 10.0  # seconds for one try, all in all
_AT_ONCE = 4  # webhooks
_OF_ONE = 20  # messages to one webhook in a row
_PORTS = {"http": 80, "https": 443}


class _Refused(Exception):
    """An address that settings do not allow."""


def signature(secret: str, moment: int, body: bytes) -> str:
    """Return the value of the header by which a receiver knows that a message is ours and fresh.

    ``t`` is the time of sending in seconds since 1970; ``v1`` is HMAC-SHA256 of ``t + "." + body`` under the secret.
    """
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def check_url(settings: Settings, url: str) -> None:
    """Refuse an address that no message will be sent to.

    What a name stands for is looked at when a message is sent, since it may change.

    Raises
    ------
    Problem
        ``webhook_url``.
    """
    try:
        _allowed(settings, _split(url))
    except (_Refused, ValueError) as error:
        raise Problem("webhook_url", fault=str(error) or "URL") from None


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _Refused("http://… / https://…")
    if parts.username or parts.password or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise _Refused("user@ / # / …")
    _ = parts.port  # ValueError if it is no port
    return parts


def _allowed(settings: Settings, parts: SplitResult) -> None:
    host = parts.hostname or ""
    if settings.webhook_hosts and host not in settings.webhook_hosts:
        raise _Refused(f"{host}: TRIAGE_WEBHOOK_HOSTS")
    try:
        address = ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            address = ip_address("127.0.0.1")
        else:
            return
    if not _open(settings, address):
        raise _Refused(f"{host}: TRIAGE_WEBHOOK_PRIVATE")


def _open(settings: Settings, address: IPv4Address | IPv6Address) -> bool:
    """Tell whether messages may go to an address.

    Link-local addresses are never served: clouds hand out the keys of a machine there.
    """
    if isinstance(address, IPv6Address) and (inner := address.ipv4_mapped or address.sixtofour):
        address = inner
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return address.is_global or (settings.webhook_private and (address.is_private or address.is_loopback))


def _reach(settings: Settings, parts: SplitResult) -> tuple[Any, ...]:
    """Return a network address of a host that messages may go to; the name is looked up once, so it cannot change."""
    port = parts.port or _PORTS[parts.scheme]
    for family, _, _, _, place in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM):
        if _open(settings, ip_address(str(place[0]).partition("%")[0])):
            return family, place
    raise _Refused("private")


@contextmanager
def _connected(settings: Settings, parts: SplitResult) -> Iterator[HTTPConnection]:
    family, place = _reach(settings, parts)
    plain = socket.socket(family, socket.SOCK_STREAM)
    # A receiver that sends a byte now and then would else hold a thread as long as it likes.
    limit = threading.Timer(_PATIENCE, _shut, (plain,))
    limit.daemon = True
    wire = plain
    try:
        plain.settimeout(_PATIENCE)
        limit.start()
        plain.connect(place)
        if parts.scheme == "https":
            wire = ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)
        connection = HTTPConnection(parts.hostname or "", parts.port or _PORTS[parts.scheme])
        connection.sock = wire
        connection.auto_open = 0
        try:
            yield connection
        finally:
            connection.close()
    finally:
        limit.cancel()
        wire.close()
        plain.close()


def _shut(wire: socket.socket) -> None:
    try:
        wire.shutdown(socket.SHUT_RDWR)
    except OSError:  # closed meanwhile
        return


def deliver(settings: Settings, url: str, secret: str, number: int, event: str, body: bytes) -> tuple[bool, str]:
    """Send one message; return whether it was taken, and what was answered. A redirection is not followed."""
    moment = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"triage/{__version__}",
        "X-Triage-Event": event,
        "X-Triage-Delivery": str(number),
        SIGNATURE: signature(secret, moment, body),
        "Connection": "close",
    }
    try:
        parts = _split(url)
        _allowed(settings, parts)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with _connected(settings, parts) as connection:
            connection.request("POST", path, body, headers)
            status = connection.getresponse().status
    except _Refused as error:
        return False, f"refused ({error})"[:200]
    except (OSError, HTTPException, ValueError) as error:
        return False, type(error).__name__
    return 200 <= status < 300, str(status)


class Sender:
    """Sends what is due.

    A message is claimed in the database before it is sent, so two processes never send it at once; one that was sent by
    a process that ended before it could say so is sent again: receivers know it by its number.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database

    def send_due(self) -> int:
        """Send what is due now, several webhooks side by side; return how many were tried."""
        due = (
            select(Delivery.id, Delivery.webhook_id)
            .join(Webhook)
            .where(Delivery.state == "due", Delivery.next <= now(), Webhook.active)
            .order_by(Delivery.id)
            .limit(_AT_ONCE * _OF_ONE * 10)
        )
        by_hook: dict[int, list[int]] = {}
        with self._database.read() as session:
            for number, hook in session.execute(due):
                by_hook.setdefault(hook, []).append(number)
        if not by_hook:
            return 0
        with ThreadPoolExecutor(min(_AT_ONCE, len(by_hook)), "webhooks") as pool:
            return sum(pool.map(self._send_some, [numbers[:_OF_ONE] for numbers in by_hook.values()]))

    def _send_some(self, numbers: Sequence[int]) -> int:
        """Send messages to one webhook until one fails: the others would fail as well."""
        for tried, number in enumerate(numbers, 1):
            if not self.send(number):
                return tried
        return len(numbers)

    def send(self, number: int) -> bool:
        """Send one message if it is due and nobody else's; tell whether it arrived."""
        claimed = self._claim(number)
        if claimed is None:
            return False
        delivery, hook = claimed
        told = {"id": delivery.id, "at": delivery.created.isoformat(timespec="milliseconds")} | delivery.payload
        body = json.dumps(told, ensure_ascii=False).encode()
        arrived, answer = deliver(self._settings, hook.url, hook.secret, delivery.id, delivery.event, body)
        values: dict[str, Any] = {"state": "sent", "answer": answer}
        if not arrived and delivery.attempts > len(PAUSES):
            values["state"] = "given_up"
        elif not arrived:
            pause = timedelta(seconds=PAUSES[delivery.attempts - 1])
            values |= {"state": "due", "next": now() + pause}
        with self._database.write() as session:
            mine = (Delivery.id == number, Delivery.attempts == delivery.attempts, Delivery.state == "due")
            session.execute(update(Delivery).where(*mine).values(**values))
        return arrived

    def _claim(self, number: int) -> tuple[Delivery, Webhook] | None:
        with self._database.write() as session:
            row = session.get(Delivery, number, with_for_update=True)
            if row is None or row.state != "due" or row.next > now():
                return None
            hook = session.get(Webhook, row.webhook_id)
            if hook is None or not hook.active:
                return None
            row.attempts += 1
            row.next = now() + _LEASE
            return row, hook
