"""Which addresses may be reached, checked on the socket that is used; and how long and how much may be read.

A provider's host name comes from configuration and its address from DNS, which others control. So the check is
made where the connection is: the name is resolved once, every address it gave is judged, and one of exactly
those is connected to. Checking earlier and connecting by name again would let the name change in between.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from providers.errors import ConfigurationError

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
Resolve = Callable[[str, int], Sequence[AddressInfo]]

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "168.63.129.16", "fd00:ec2::254"))  # the second one looks public
)


def refusal(address: str, *, allow_loopback: bool = False) -> str:
    """Why an address may not be connected to; "" if it may.

    Only public addresses may, and with `allow_loopback` this machine's own. An IPv6 address that carries an
    IPv4 one (mapped, 6to4, Teredo, NAT64) is judged by that too, and never gets the allowance.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if allow_loopback and ip.is_loopback:
        return ""
    carried = _carried(ip) if isinstance(ip, ipaddress.IPv6Address) else None
    if carried is None:
        return _why_not(ip)
    if why := _why_not(carried):
        return f"an IPv6 form of {why}"
    return "" if ip in NAT64 else _why_not(ip)


def _carried(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def _why_not(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if ip in METADATA:
        return "a cloud's metadata address"
    if ip.is_unspecified:
        return "an unspecified address"
    if ip.is_loopback:
        return "a loopback address"
    if ip.is_link_local:
        return "a link-local address"
    if ip.is_multicast:
        return "a multicast address"
    if ip.is_private or (isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local):
        return "a private address"
    return "a reserved address" if ip.is_reserved or not ip.is_global else ""


def resolve(host: str, port: int) -> Sequence[AddressInfo]:
    """The addresses of a name, as the system's resolver gives them."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


@dataclass(kw_only=True, slots=True)
class Attempt:
    """One exchange under way: what it may still use, and how far it has come.

    `sending` turns true just before the first byte of the message is handed to the socket: until then
    nothing can have been accepted.
    """

    provider: str
    allow_loopback: bool
    connect_seconds: float
    read_seconds: float
    deadline: float  # on the monotonic clock
    bytes_left: int
    resolve: Resolve = field(default=resolve)
    connecting: bool = False
    sending: bool = False
    too_large: bool = False

    def patience(self, seconds: float) -> float:
        """Seconds that the next step may take; `TimeoutError` when the whole time is used up."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the whole time is used up")
        return min(seconds, left)


ATTEMPT: ContextVar[Attempt] = ContextVar("attempt")


class _Answer(HTTPResponse):
    """An answer that is read no longer and no larger than its attempt allows, head included."""

    def __init__(self, sock: socket.socket, *args: Any, attempt: Attempt, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: Any = io.BufferedReader(_Meter(sock, self.fp.detach(), attempt))


class _Meter(io.RawIOBase):
    """Reads a socket while there is time and room left: a slow drip never trips the socket's own timeout."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, attempt: Attempt) -> None:
        self._sock, self._raw, self._attempt = sock, raw, attempt

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        attempt = self._attempt
        if attempt.bytes_left <= 0:
            attempt.too_large = True
            raise OSError("the answer is too large")
        self._sock.settimeout(attempt.patience(attempt.read_seconds))
        count: int | None = self._raw.readinto(memoryview(buffer)[: attempt.bytes_left])
        attempt.bytes_left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Guarded(HTTPConnection):
    """A connection in clear: to this machine only, and only where that is allowed."""

    tls = False

    def _new_conn(self) -> socket.socket:
        attempt = ATTEMPT.get()
        attempt.connecting = True
        try:
            found = attempt.resolve(self._dns_host, self.port)
        except (OSError, UnicodeError) as error:
            raise NameResolutionError(self.host, self, error) from None  # type: ignore[arg-type]
        for *_, place in found:
            self._judge(attempt, place[0])
        return self._connect_first(attempt, found)

    def _judge(self, attempt: Attempt, address: str) -> None:
        why = refusal(address, allow_loopback=attempt.allow_loopback)
        if not why and not self.tls and refusal(address) != refusal("127.0.0.1"):
            why = "not on this machine, and in clear only this machine may be reached; write https://"
        if why:
            place = f"{attempt.provider}: {self.host} may not be reached"
            raise ConfigurationError(f"{place}: its address {address} is {why}")

    def _connect_first(self, attempt: Attempt, found: Sequence[AddressInfo]) -> socket.socket:
        reason: OSError | None = None
        for family, kind, protocol, _, place in found:
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError as error:  # no such family on this machine
                reason = error
                continue
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(attempt.patience(attempt.connect_seconds))
                sock.connect(place)
            except OSError as error:
                sock.close()
                reason = error
            else:
                return sock
        if isinstance(reason, TimeoutError):
            raise ConnectTimeoutError(self, "no connection in time")
        raise NewConnectionError(self, "no connection")

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        ATTEMPT.get().sending = True
        super().send(data)

    def getresponse(self) -> Any:
        self.response_class = partial(_Answer, attempt=ATTEMPT.get())  # type: ignore[assignment]
        return super().getresponse()


class _GuardedTls(_Guarded, HTTPSConnection):
    """A connection over TLS, to public addresses (and this machine, where that is allowed)."""

    tls = True


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTls


class GuardedAdapter(HTTPAdapter):
    """What carries a session's requests: guarded connections, no proxy, never a second try."""

    def __init__(self, *, connections: int) -> None:
        super().__init__(max_retries=0, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools out of guarded connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
