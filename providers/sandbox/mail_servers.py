"""Mail servers of this machine, for trying out and for tests: SMTP to hand requests over, IMAP to read what comes.

Both are real servers (aiosmtpd, pymap) on 127.0.0.1, with TLS by a throw-away certificate and a throw-away
password. They forget everything when they stop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import ssl
import tempfile
import threading
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.parser import BytesHeaderParser
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pysasl.hashing import BuiltinHash

from providers.http import utc_now
from providers.sandbox.mail_desk import UNIT_SERVER, MailDesk, Post

UNIT = "evidence@unit.example"
USER = "evidence"
START_WITHIN = 10.0


class MailSandbox:
    """A post office with the unit's mailbox and the desks of played providers. Use as a context manager.

    Args:
        clock: the time on everything it writes, aware UTC.
        desks: the played providers; `sandbox-letter` if none is given.
        address: the unit's own address.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = utc_now,
        desks: Sequence[MailDesk] = (),
        address: str = UNIT,
    ) -> None:
        self.clock, self.address = clock, address
        self.password = secrets.token_urlsafe(16)
        made = desks or (MailDesk(name="sandbox-letter", address="desk@letters.example", clock=clock),)
        self.desks: Mapping[str, MailDesk] = {each.address.lower(): each for each in made}
        self.smtp_port = self.imap_port = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._over: asyncio.Event | None = None
        self._backend: DictBackend | None = None
        self._failed: BaseException | None = None

    def __enter__(self) -> MailSandbox:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start both servers; they answer when this returns.

        Raises:
            OSError: they could not be started.
        """
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns of its own deprecations at every log-in
        self._folder = tempfile.TemporaryDirectory(prefix="holdfast-mail-")
        _write_certificate(Path(self._folder.name))
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="mail-sandbox", daemon=True)
        self._thread.start()
        if not ready.wait(START_WITHIN) or self._failed is not None:
            self.stop()
            raise OSError("the mail sandbox could not be started") from self._failed

    def stop(self) -> None:
        """Stop both servers and forget all mail. Harmless to repeat."""
        if self._loop is not None and self._over is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._over.set)
        if self._thread is not None:
            self._thread.join(START_WITHIN)
        if self._folder is not None:
            self._folder.cleanup()
        self._loop = self._thread = self._folder = None

    def environ(self) -> dict[str, str]:
        """The variables that a unit needs to use it."""
        assert self._folder is not None, "start it first"  # noqa: S101
        return {
            "HOLDFAST_SMTP": f"smtp+starttls://{USER}@127.0.0.1:{self.smtp_port}",
            "HOLDFAST_SMTP_PASSWORD": self.password,
            "HOLDFAST_MAIL_FROM": self.address,
            "HOLDFAST_MAIL_CA": str(Path(self._folder.name) / "certificate.pem"),
            "HOLDFAST_MAIL_AUTHSERV": UNIT_SERVER,
            "HOLDFAST_IMAP": f"imaps://{USER}@127.0.0.1:{self.imap_port}/INBOX",
            "HOLDFAST_IMAP_PASSWORD": self.password,
        }

    def desk(self, name: str = "") -> MailDesk:
        """A desk by its provider's name; the first one without."""
        return next(each for each in self.desks.values() if name in {"", each.name})

    def put(self, raw: bytes, folder: str = "INBOX") -> None:
        """Put a message into the unit's mailbox as it is: mail from anybody."""
        assert self._loop is not None, "start it first"  # noqa: S101
        asyncio.run_coroutine_threadsafe(self._put(raw, folder), self._loop).result(START_WITHIN)

    def post(self, post: Post) -> None:
        """Deliver a message to the unit as its own server would: with what it could verify noted on top."""
        self.put(self._delivered(post))

    # ---- the servers, in their own thread -------------------------------------------------------------------

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:  # told to who waits for the start
            self._failed = error
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        assert self._folder is not None  # noqa: S101
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        folder = Path(self._folder.name)
        secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secure.load_cert_chain(folder / "certificate.pem", folder / "server.pem")
        arguments = Namespace(
            debug=False,
            host="127.0.0.1",
            port=0,
            tls=False,
            cert=None,
            key=None,
            proxy_protocol=None,
            passlib_cfg=None,
            demo_data=False,
            demo_user=USER,
            demo_password=self.password,
            inherited_sockets=None,
        )
        quick = BuiltinHash(rounds=1)  # the password is random and lives as long as this process
        self._backend, config = await DictBackend.init(arguments, hash_context=quick)
        config.apply_context()
        answer = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(self._backend.login, config))
        imap = await asyncio.start_server(answer, host="127.0.0.1", port=0, ssl=secure)
        smtp = await self._loop.create_server(lambda: self._smtp(secure), host="127.0.0.1", port=0)
        self.imap_port = imap.sockets[0].getsockname()[1]
        self.smtp_port = smtp.sockets[0].getsockname()[1]
        ready.set()
        async with imap, smtp:
            await self._over.wait()

    def _smtp(self, secure: ssl.SSLContext) -> SMTP:
        return SMTP(
            self,
            hostname=UNIT_SERVER,
            tls_context=secure,
            require_starttls=True,
            authenticator=self._authenticate,
            auth_required=True,
            enable_SMTPUTF8=False,
            loop=self._loop,
        )

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and data.login == USER.encode()
        fits = known and data.password == self.password.encode()
        return AuthResult(success=fits, handled=False)  # not handled: the server itself says 535

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: Any, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take mail for the desks that are here; there is no way to anybody else."""
        if address.lower() not in self.desks:
            return "550 5.1.1 no such desk in the sandbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Hand a message to its desk, and put what it answers into the unit's mailbox."""
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        for address in envelope.rcpt_tos:
            for post in self.desks[address.lower()].take(raw, self.address):
                await self._put(self._delivered(post), "INBOX")
        return "250 2.6.0 taken"

    async def _put(self, raw: bytes, folder: str) -> None:
        assert self._backend is not None  # noqa: S101
        async with self._backend.login.demo_user_identity.new_session() as session:
            mailbox = await session.mailbox_set.get_mailbox(folder)
            await mailbox.append(AppendMessage(raw, self.clock(), frozenset()))

    def _delivered(self, post: Post) -> bytes:
        """The message with what the unit's own mail server writes on top, after taking out what claims to be that."""
        head, separator, body = post.raw.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if UNIT_SERVER.encode() not in line]
        domain = parseaddr(str(BytesHeaderParser().parsebytes(head).get("From", "")))[1].rpartition("@")[2].lower()
        result = "pass" if post.verified else "fail"
        top = (
            f"Return-Path: <{post.sender}>\r\n"
            f"Authentication-Results: {UNIT_SERVER}; dkim={result} header.d={domain}; "
            f"dmarc={result} header.from={domain}\r\n"
            f"Received: from {domain or 'nowhere.example'} by {UNIT_SERVER}; {format_datetime(self.clock())}\r\n"
        )
        return top.encode() + b"\r\n".join(lines) + separator + body


def _write_certificate(folder: Path) -> None:
    """A certificate for 127.0.0.1 that nobody else trusts, good for a day around the real time, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Holdfast mail sandbox")])
    now, here = datetime.now(UTC), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    server = folder / "server.pem"
    server.touch(mode=0o600)
    server.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
