"""One message over HTTP: what is recorded, what is sorted how, and what never leaves or comes in."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import ipaddress
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from provider_orders import CANARY, everything_said
from provider_wire_servers import Say, WireServer, answering, breaking, dripping, echoing, saying

from providers.auth import WITHHELD, Auth, Basic, Bearer, Hmac, Key, Secret
from providers.errors import ConfigurationError, OutcomeUnknown, Unavailable
from providers.http import HttpSettings, Message, Reply, Transport

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
QUICK = HttpSettings(connect=1, read=0.3, total=0.6, answer_limit=2048)


def transport(settings: HttpSettings = QUICK, auth: Auth | None = None) -> Transport:
    return Transport("example", settings=settings, auth=auth or Auth(), allow_loopback=True, clock=lambda: NOW)


def message(url: str, *, body: bytes = b"", headers: dict[str, str] | None = None, method: str = "POST") -> bytes:
    host = url.split("/")[2]
    given = {
        "Host": host,
        "User-Agent": "holdfast",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        **(headers or {}),
    }
    given |= {"Content-Length": str(len(body))} if method == "POST" else {}
    return Message(method=method, url=url, headers=tuple(given.items()), body=body).to_bytes()


def deliver(*reactions: Say, settings: HttpSettings = QUICK) -> Any:
    """What becomes of one message to a server that reacts so."""
    with WireServer(*reactions) as server:
        url = f"{server.url}/v1/preservations?request=HF-SECRETPART"
        return transport(settings).deliver(message(url, body=CANARY.encode()), "rest")


def test_what_is_recorded_is_what_went_over_the_wire_and_what_came_back() -> None:
    with WireServer(answering(b'{"a":1}', "201 Created", "X-Trace: 7")) as server:
        said = message(f"{server.url}/v1/things?a=b%20c", body=b'{"x":"\\u00e9"}', headers={"X-Own": "1"})
        exchange = transport().deliver(said, "rest")
        assert exchange.sent == said
        assert server.requests[0] == said.replace(server.url.encode(), b"")
    assert exchange.status == 201
    assert exchange.received == (
        b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 7\r\nX-Trace: 7\r\n\r\n{"a":1}'
    )
    assert (exchange.sent_at, exchange.received_at, exchange.channel) == (NOW, NOW, "rest")
    assert exchange.recipient == server.url.removeprefix("http://")


def test_a_refused_connection_is_unavailable_because_nothing_was_sent() -> None:
    with WireServer(answering()) as server:
        said = message(f"{server.url}/v1?request=HF-SECRETPART")
    with pytest.raises(Unavailable, match=r"^example: no connection came about; nothing was sent$") as caught:
        transport().deliver(said, "rest")
    assert caught.value.exchange is None
    assert "SECRETPART" not in everything_said(caught.value)


UNKNOWN: dict[str, tuple[Say, str]] = {
    "drops without a word": (breaking(), "broke the connection"),
    "says nothing": (saying(b""), "gave no whole answer in time"),
    "stops in the head": (saying(b"HTTP/1.1 200 OK\r\nContent-Le"), "gave no whole answer in time"),
    "stops in the body": (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "gave no whole answer in time"),
    "breaks in the body": (breaking(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "broke the connection"),
    "breaks in a chunk": (breaking(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"), "broke the conn"),
    "speaks no HTTP": (breaking(b"220 mail.example.com ESMTP\r\n"), "broke the connection"),
    "has a large body": (answering(b"x" * 2048), "is larger than 2048 bytes"),
    "has a large head": (saying(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 4096), "is larger than 2048 bytes"),
    "has a line of chunks without end": (
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 4096),
        "is larger than 2048 bytes",
    ),
}


@pytest.mark.parametrize("way", UNKNOWN)
def test_whatever_goes_wrong_after_sending_is_an_unknown_outcome(way: str) -> None:
    reaction, words = UNKNOWN[way]
    with pytest.raises(OutcomeUnknown, match=words) as caught:
        deliver(reaction)
    assert caught.value.exchange is not None
    assert CANARY.encode() in caught.value.exchange.sent
    said = everything_said(caught.value)
    assert CANARY not in said
    assert "SECRETPART" not in said


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"])
def test_a_slow_drip_ends_with_the_whole_time_though_no_single_wait_is_long(start: bytes) -> None:
    over = threading.Event()
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="gave no whole answer in time"):
        deliver(dripping(start, over))
    over.set()
    assert 0.5 < time.monotonic() - began < 2


def test_an_answer_may_be_as_large_as_the_limit_and_no_byte_larger() -> None:
    head = len(deliver(answering(b"")).received) + len("000")  # the length takes four digits instead of one
    fits = b"x" * (2048 - head)
    assert len(deliver(answering(fits)).received) == 2048
    with pytest.raises(OutcomeUnknown, match="larger than 2048 bytes"):
        deliver(answering(fits + b"x"))


def test_what_came_before_the_break_is_kept_for_the_record() -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        deliver(breaking(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"))
    assert caught.value.exchange is not None
    assert caught.value.exchange.status == 200
    assert caught.value.exchange.received.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_redirect_is_not_followed() -> None:
    with WireServer(answering()) as elsewhere:
        exchange = deliver(answering(b"moved", "307 Temporary Redirect", f"Location: {elsewhere.url}/"))
        assert elsewhere.connections == 0
    assert exchange.status == 307
    assert exchange.received.endswith(b"moved")


def test_proxies_passwords_and_certificates_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password something\n")
    with WireServer(answering()) as proxy, WireServer(answering()) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        transport().deliver(message(f"{server.url}/v1"), "rest")
        assert proxy.connections == 0
        assert b"authorization" not in server.requests[0].lower()


def test_cookies_are_not_sent_back() -> None:
    with WireServer(answering(b"{}", "200 OK", "Set-Cookie: a=b; Path=/")) as server:
        made = transport()
        made.deliver(message(f"{server.url}/v1"), "rest")
        made.deliver(message(f"{server.url}/v1"), "rest")
        assert b"cookie" not in server.requests[1].lower()


def test_one_connection_is_kept_for_many_messages() -> None:
    with WireServer(answering(b"{}"), answering(b"", "204 No Content"), answering(b"{}")) as server:
        made = transport()
        for _ in range(5):
            made.deliver(message(f"{server.url}/v1", body=b"{}"), "rest")
        assert (len(server.requests), server.connections) == (5, 1)


def test_eight_threads_get_each_their_own_answer() -> None:
    with WireServer(echoing()) as server, ThreadPoolExecutor(8) as threads:
        made = transport(replace(QUICK, read=3, total=5))
        bodies = [str(number).encode() for number in range(100)]
        sent = threads.map(lambda body: made.deliver(message(f"{server.url}/v1", body=body), "rest"), bodies)
        assert [Reply.from_bytes(exchange.received).body for exchange in sent] == bodies
        assert len(server.requests) == 100
        assert server.connections <= 8


def test_a_connection_the_server_gave_up_meanwhile_is_made_anew() -> None:
    with WireServer(breaking(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), answering()) as server:
        made = transport()
        made.deliver(message(f"{server.url}/v1"), "rest")
        time.sleep(0.05)
        assert made.deliver(message(f"{server.url}/v1"), "rest").status == 200
        assert (len(server.requests), server.connections) == (2, 2)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:02:00 GMT"}, 120.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:02:00 GMT", "date": "Sat, 21 Nov 2026 09:01:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 08:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_from_seconds_and_from_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert Reply(status=429, headers=headers).retry_after(NOW) == seconds


# Who we are


def secret(tmp_path: Path, value: str = "s3cret") -> Secret:
    file = tmp_path / "secret"
    file.write_text(value + "\n")
    file.chmod(0o600)
    return Secret(where="example.toml: adapter.auth.token_file", file=str(file))


@pytest.mark.parametrize("kind", ["bearer", "basic", "header"])
def test_a_secret_is_sent_and_not_recorded(kind: str, tmp_path: Path) -> None:
    auth, header, sent = {
        "bearer": (Bearer(token=secret(tmp_path)), "Authorization", "Bearer s3cret"),
        "basic": (
            Basic(user="unit", password=secret(tmp_path)),
            "Authorization",
            "Basic " + base64.b64encode(b"unit:s3cret").decode(),
        ),
        "header": (Key(header="X-Api-Key", key=secret(tmp_path)), "X-Api-Key", "s3cret"),
    }[kind]
    with WireServer(answering()) as server:
        said = message(f"{server.url}/v1", headers=dict.fromkeys(auth.header_names, WITHHELD))
        exchange = transport(auth=auth).deliver(said, "rest")
        assert f"{header}: {sent}\r\n".encode() in server.requests[0]
    assert f"{header}: (withheld)\r\n".encode() in exchange.sent
    assert b"s3cret" not in exchange.sent
    assert "s3cret" not in repr(auth)


def test_a_signature_is_over_method_path_time_and_body_as_the_guide_says(tmp_path: Path) -> None:
    auth = Hmac(
        secret=secret(tmp_path),
        key_id="unit-7",
        key_id_header="X-Key-Id",
        signature_header="X-Signature",
        timestamp_header="X-Timestamp",
    )
    with WireServer(answering()) as server:
        said = message(
            f"{server.url}/v1/a%20b?x=1", body=b'{"a":1}', headers=dict.fromkeys(auth.header_names, WITHHELD)
        )
        exchange = transport(auth=auth).deliver(said, "rest")
        head = server.requests[0].decode().split("\r\n")
    timestamp = str(int(NOW.timestamp()))
    digest = hashlib.sha256(b'{"a":1}').hexdigest()
    signed = f"POST\n/v1/a%20b?x=1\n{timestamp}\n{digest}".encode()
    signature = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert f"X-Signature: sha256={signature}" in head
    assert f"X-Timestamp: {timestamp}" in head
    assert "X-Key-Id: unit-7" in head
    assert signature.encode() not in exchange.sent


def test_a_changed_secret_file_is_used_for_the_next_message(tmp_path: Path) -> None:
    auth = Bearer(token=secret(tmp_path, "first"))
    with WireServer(answering()) as server:
        made = transport(auth=auth)
        made.deliver(message(f"{server.url}/v1"), "rest")
        secret(tmp_path, "second")
        made.deliver(message(f"{server.url}/v1"), "rest")
        assert b"Bearer first" in server.requests[0]
        assert b"Bearer second" in server.requests[1]


def test_a_secret_that_everyone_may_read_is_not_used(tmp_path: Path) -> None:
    exposed = secret(tmp_path)
    Path(exposed.file).chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"everyone on this machine may read .+; run: chmod 600"):
        exposed.read()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.unlink(), "cannot be read: No such file or directory"),
        (lambda file: file.write_text("\n"), "is empty"),
        (lambda file: file.write_text("caf\u00e9"), "characters that no header can carry"),
        (lambda file: file.write_text("a\nb"), "characters that no header can carry"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "it is not UTF-8"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_with_its_place(spoil: Any, words: str, tmp_path: Path) -> None:
    spoilt = secret(tmp_path)
    spoil(Path(spoilt.file))
    with pytest.raises(ConfigurationError, match=f"example.toml: adapter.auth.token_file: .*{words}"):
        spoilt.read()


def test_a_secret_missing_from_the_environment_is_told_by_name() -> None:
    with pytest.raises(ConfigurationError, match="the environment variable EXAMPLE_TOKEN is not set"):
        Secret(where="x.toml: adapter.auth.token_env", env="EXAMPLE_TOKEN", environ={"OTHER": "1"}).read()


# TLS, with certificates made here


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example authority")])
        certificate = self._certificate(self.name, self.key, authority=True)
        self.bundle = folder / "authority.pem"
        self.bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, host: str) -> tuple[str, str]:
        """Paths of a certificate for a host and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, authority=False, host=host
        )
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(paths[0]), str(paths[1])

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool, host: str = ""
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if host:
            usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False
            ).add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def tls(authority: Authority, host: str = "127.0.0.1", *, ask_client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", host))
    if ask_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.bundle)
    return context


def over_tls(context: ssl.SSLContext, **settings: str) -> Any:
    with WireServer(answering(), tls=context) as server:
        made = transport(replace(QUICK, read=2, total=4, **settings))
        exchange = made.deliver(message(f"{server.url}/v1", body=b"{}"), "rest")
        assert len(server.requests) == 1
        return exchange


def test_a_provider_known_to_the_bundle_is_spoken_to(authority: Authority) -> None:
    assert over_tls(tls(authority), ca_bundle=str(authority.bundle)).status == 200


def test_a_certificate_nobody_vouches_for_is_told_to_a_person_at_once(authority: Authority) -> None:
    with pytest.raises(ConfigurationError, match=r"could not prove who it is \(.+\); nothing was sent"):
        over_tls(tls(authority))


def test_a_certificate_for_another_host_is_told_to_a_person_at_once(authority: Authority) -> None:
    with pytest.raises(ConfigurationError, match=r"could not prove who it is .*(mismatch|not valid for)"):
        over_tls(tls(authority, "192.0.2.1"), ca_bundle=str(authority.bundle))


def test_our_own_certificate_is_shown_where_it_is_asked(authority: Authority) -> None:
    certificate, key = authority.issue("unit", "127.0.0.1")
    settings = {"ca_bundle": str(authority.bundle), "client_certificate": certificate, "client_key": key}
    assert over_tls(tls(authority, ask_client=True), **settings).status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_missing_certificate_of_our_own_is_told_to_a_person_at_once(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    context = tls(authority, ask_client=True)
    context.maximum_version = context.minimum_version = version
    with pytest.raises(
        ConfigurationError, match="does not accept our certificate, or wants one; nothing was accepted"
    ):
        over_tls(context, ca_bundle=str(authority.bundle))


@pytest.mark.parametrize("key", ["ca_bundle", "client_certificate"])
def test_a_certificate_file_that_is_not_there_is_our_own_mistake(authority: Authority, key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Check .*the certificate files"):
        over_tls(tls(authority), **{"ca_bundle": str(authority.bundle), key: "/no/such/file.pem"})


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"220 mail.example.com ESMTP\r\n", "no encrypted connection came about"),
        (b"", "no connection came about in time"),
    ],
)
def test_a_server_that_speaks_no_tls_is_unavailable_because_nothing_was_sent(greeting: bytes, words: str) -> None:
    with WireServer(saying(b""), greeting=greeting) as server:
        secure = server.url.replace("http://", "https://")
        with pytest.raises(Unavailable, match=f"{words}; nothing was sent"):
            transport(replace(QUICK, connect=0.2)).deliver(message(f"{secure}/v1", body=CANARY.encode()), "rest")
        assert not any(CANARY.encode() in request for request in server.requests)
