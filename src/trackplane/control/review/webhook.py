"""A webhook called: a signed POST to an address that somebody gave.

The address may be anybody's, so the host is resolved once, every address it has is looked at, and
the connection goes to one that was: no name that changes its mind leads inside. Redirects are
followed on the same host only.

The signature, in ``X-Trackplane-Signature``, is ``t=<ms>,v1=<hex>`` where the hex is the HMAC-SHA256
of ``<ms>.<body>`` under the receiver's secret.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

SIGNATURE: Final = "X-Trackplane-Signature"
DELIVERY: Final = "X-Trackplane-Delivery"
_REDIRECTS: Final = 3
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # the last 32 bits are IPv4 (RFC 6052)
_FINAL: Final = frozenset({400, 401, 403, 404, 405, 410, 413, 414, 415, 422})


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended; ``status`` 0: nothing answered. ``final``: to try again is of no use."""

    status: int
    error: str = ""
    final: bool = False

    @property
    def ok(self) -> bool:
        """Say whether it was taken."""
        return 200 <= self.status < 300


def sign(secret: str, at: int, body: bytes) -> str:
    """Return the signature header of a body sent at ``at`` (ms)."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


def call(
    url: str,
    body: bytes,
    *,
    secret: str,
    at: int,
    delivery: str,
    timeout_s: float,
    private: bool,
) -> Answer:
    """Post a body; nothing is raised. The whole call takes no longer than ``timeout_s``.

    ``private`` allows addresses of loopback and private networks.
    """
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "trackplane",
        SIGNATURE: sign(secret, at, body),
        DELIVERY: delivery,
    }
    first = _split(url)
    for _ in range(_REDIRECTS + 1):
        parts = _split(url)
        if parts is None or first is None:
            return Answer(status=0, error=f"{url:.200} is no address of a webhook", final=True)
        try:
            status, location = _post(parts, body, headers, timeout_s, private=private)
        except _RefusedError as error:
            return Answer(status=0, error=str(error), final=True)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(status=0, error=f"{type(error).__name__}: {error}"[:500])
        if not 300 <= status < 400:
            refusal = "" if 200 <= status < 300 else f"it answered {status}"
            return Answer(status=status, error=refusal, final=status in _FINAL)
        there = _split(location, below=url)
        if there is None:
            return Answer(status=status, error="it redirects to what is no address", final=True)
        if (there.scheme, there.netloc) != (first.scheme, first.netloc):
            return Answer(
                status=status,
                error=f"it redirects to another host, which is not followed: {there.netloc:.200}",
                final=True,
            )
        url = there.geturl()
    return Answer(status=310, error="it redirects without end", final=True)


def _split(url: str, *, below: str = "") -> SplitResult | None:
    """Return the parts of an address (of a redirect, seen from ``below``); None: it is none."""
    try:
        parts = urlsplit(urljoin(below, url))
    except ValueError:  # such as "http://[bad", which a receiver may answer with
        return None
    return parts if parts.scheme in {"http", "https"} and parts.hostname else None


class _RefusedError(Exception):
    """An address that webhooks may not have."""


def _post(
    parts: SplitResult, body: bytes, headers: dict[str, str], timeout_s: float, *, private: bool
) -> tuple[int, str]:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _address(host, port, private=private)
    raw = socket.create_connection((address, port), timeout=timeout_s)
    # A peer that drips keeps each read within its time-out; the whole call has one as well.
    late = threading.Event()
    watchdog = threading.Timer(timeout_s, _hang_up, [raw, late])
    watchdog.start()
    try:
        connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
        wrapped = raw
        if parts.scheme == "https":
            wrapped = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
        connection.sock = wrapped
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        connection.request("POST", target, body=body, headers=headers)
        answer = connection.getresponse()
        if late.is_set():  # what was read is what came before the hanging up
            raise TimeoutError(f"it did not answer within {timeout_s:g} s")
        return answer.status, answer.headers.get("Location", "")
    finally:
        watchdog.cancel()
        watchdog.join()
        raw.close()


def _hang_up(raw: socket.socket, late: threading.Event) -> None:
    late.set()
    try:
        raw.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it ended by itself


def _address(host: str, port: int, *, private: bool) -> str:
    """Return an address of a host, if all it has may be called.

    Raises:
        OSError: the host has none.
    """
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for each in found:
        address = ipaddress.ip_address(each.partition("%")[0])
        if not private and not _public(address):
            raise _RefusedError(
                f"{host} is at {each}, which is no public address"
                " (control.notify.private_webhooks allows it)"
            )
    return found[0]


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Say whether an address is one of the public network, an IPv4 address inside it included.

    >>> [_public(ipaddress.ip_address(each)) for each in ("1.1.1.1", "2002:7f00:1::", "64:ff9b::a00:1")]
    [True, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast
