"""Which addresses may be connected to: by number, and on real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from provider_wire_servers import WireServer, answering, breaking

from providers.auth import Auth
from providers.errors import ConfigurationError, Unavailable
from providers.http import HttpSettings, Message, Transport
from providers.reach import AddressInfo, refusal


def transport(url: str, *, allow_loopback: bool = False, resolve: object = None) -> tuple[Transport, bytes]:
    made = Transport(
        "example",
        settings=HttpSettings(connect=1, read=1, total=2),
        auth=Auth(),
        allow_loopback=allow_loopback,
        clock=lambda: datetime(2026, 11, 21, tzinfo=UTC),
        **({"resolve": resolve} if resolve else {}),  # type: ignore[arg-type]
    )
    return made, Message(method="GET", url=f"{url}/v1?request=HF-1").to_bytes()


def found(*addresses: str, port: int = 443) -> list[AddressInfo]:
    families = {4: socket.AF_INET, 6: socket.AF_INET6}
    return [
        (families[6 if ":" in address else 4], socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses
    ]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.0.0.5", "a private address"),
        ("172.16.0.1", "a private address"),
        ("172.31.255.255", "a private address"),
        ("192.168.1.1", "a private address"),
        ("192.0.2.7", "a private address"),
        ("100.64.0.1", "a reserved address"),
        ("127.0.0.1", "a loopback address"),
        ("127.255.255.254", "a loopback address"),
        ("169.254.169.254", "a cloud's metadata address"),
        ("169.254.1.1", "a link-local address"),
        ("168.63.129.16", "a cloud's metadata address"),
        ("0.0.0.0", "an unspecified address"),  # noqa: S104
        ("0.1.2.3", "a private address"),
        ("224.0.0.1", "a multicast address"),
        ("255.255.255.255", "a private address"),
        ("240.0.0.1", "a private address"),
        ("::", "an unspecified address"),
        ("::1", "a loopback address"),
        ("fe80::1%eth0", "a link-local address"),
        ("fc00::1", "a private address"),
        ("fd00:ec2::254", "a cloud's metadata address"),
        ("fec0::1", "a private address"),
        ("ff02::1", "a multicast address"),
        ("2001:db8::1", "a private address"),
        ("::ffff:10.0.0.5", "an IPv6 form of a private address"),
        ("::ffff:169.254.169.254", "an IPv6 form of a cloud's metadata address"),
        ("::ffff:127.0.0.1", "an IPv6 form of a loopback address"),
        ("::127.0.0.1", "a reserved address"),
        ("2002:7f00:1::", "an IPv6 form of a loopback address"),
        ("2002:a9fe:a9fe::1", "an IPv6 form of a cloud's metadata address"),
        ("64:ff9b::10.0.0.5", "an IPv6 form of a private address"),
        ("64:ff9b::169.254.169.254", "an IPv6 form of a cloud's metadata address"),
        ("64:ff9b:1::8.8.8.8", "a reserved address"),
        ("2001:0:4136:e378:8000:63bf:f5ff:fffe", "an IPv6 form of a private address"),
    ],
)
def test_an_address_that_is_not_public_is_refused_in_every_disguise(address: str, why: str) -> None:
    # Python's releases differ in which of the two words fits an address outside of the public space.
    same = {"a private address": "a reserved address"}
    assert refusal(address) in (why, same.get(why))
    assert refusal(address, allow_loopback=True) == ("" if why == "a loopback address" else refusal(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2606:4700::1", "64:ff9b::8.8.8.8", "169.253.255.255"])
def test_a_public_address_is_not_refused(address: str) -> None:
    assert refusal(address) == ""


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer(answering()) as running:
        yield running


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1"])
def test_this_machine_is_refused_without_the_allowance_however_it_is_written(server: WireServer, host: str) -> None:
    made, message = transport(f"http://{host}:{server.port}")
    with pytest.raises(ConfigurationError, match=r"may not be reached: its address .+ is a loopback address"):
        made.deliver(message, "rest")
    assert server.connections == 0


def test_this_machine_is_reached_with_the_allowance(server: WireServer) -> None:
    made, message = transport(server.url, allow_loopback=True)
    assert made.deliver(message, "rest").status == 200


def test_this_machine_is_refused_in_its_mapped_form_even_with_the_allowance(server: WireServer) -> None:
    made, message = transport(f"http://[::ffff:127.0.0.1]:{server.port}", allow_loopback=True)
    with pytest.raises(ConfigurationError, match="an IPv6 form of a loopback address"):
        made.deliver(message, "rest")
    assert server.connections == 0


def test_a_name_with_one_bad_address_among_good_ones_is_refused_before_any_is_tried(server: WireServer) -> None:
    made, message = transport(
        "https://desk.example.com", resolve=lambda *_: found("8.8.8.8", "127.0.0.1", port=server.port)
    )
    with pytest.raises(ConfigurationError, match=r"desk\.example\.com may not be reached: its address 127\.0\.0\.1"):
        made.deliver(message, "rest")
    assert server.connections == 0


def test_in_clear_a_public_address_is_refused_even_with_the_allowance() -> None:
    made, message = transport("http://desk.example.com", allow_loopback=True, resolve=lambda *_: found("8.8.8.8"))
    with pytest.raises(ConfigurationError, match="in clear only this machine may be reached; write https://"):
        made.deliver(message, "rest")


def test_a_name_is_resolved_once_and_judged_anew_for_every_connection() -> None:
    with WireServer(breaking(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")) as server:
        rebinding = iter([found("127.0.0.1", port=server.port), found("10.0.0.5", port=server.port)])
        asked: list[str] = []

        def resolve(host: str, port: int) -> list[AddressInfo]:
            asked.append(host)
            return next(rebinding)

        made, message = transport("http://desk.example.com", allow_loopback=True, resolve=resolve)
        assert made.deliver(message, "rest").status == 200
        assert asked == ["desk.example.com"]
        with pytest.raises(ConfigurationError, match=r"its address 10\.0\.0\.5 is a private address"):
            made.deliver(message, "rest")
        assert server.connections == 1


def test_the_next_address_is_tried_when_one_does_not_answer(server: WireServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    places = [*found("127.0.0.2", port=port), *found("127.0.0.1", port=server.port)]
    made, message = transport("http://desk.example.com", allow_loopback=True, resolve=lambda *_: places)
    assert made.deliver(message, "rest").status == 200


def test_an_address_of_a_kind_this_machine_lacks_does_not_hide_the_next_one(server: WireServer) -> None:
    unknown: AddressInfo = (socket.AF_INET, socket.SOCK_STREAM, 999, "", ("127.0.0.1", server.port))
    places = [unknown, *found("127.0.0.1", port=server.port)]
    made, message = transport("http://desk.example.com", allow_loopback=True, resolve=lambda *_: places)
    assert made.deliver(message, "rest").status == 200


def test_a_name_without_an_address_is_unavailable() -> None:
    def unknown(host: str, port: int) -> list[AddressInfo]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    made, message = transport("https://desk.example.com", resolve=unknown)
    with pytest.raises(Unavailable, match="its name has no address; nothing was sent"):
        made.deliver(message, "rest")


def test_an_address_that_never_answers_is_unavailable_after_the_connect_time() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        made, message = transport(f"http://127.0.0.1:{full.getsockname()[1]}", allow_loopback=True)
        made.settings = HttpSettings(connect=0.1, read=1, total=2)
        with pytest.raises(Unavailable, match="no connection came about in time; nothing was sent"):
            made.deliver(message, "rest")
        for sock in waiting:
            sock.close()
