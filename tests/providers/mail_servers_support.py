"""Mail servers that say exactly what a test wants, on loopback; and keys of the tests' own making."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SENDER = "evidence@unit.example"


class SmtpServer:
    """Speaks SMTP as it is told: `answers` replaces what it says to a verb; None breaks the connection there.

    "." stands for the end of a message, "HALF" for breaking off after the first bytes of one. `taken` are the
    messages that it took, `said` every line that it was told outside of messages.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, features: tuple[str, ...] = ()) -> None:
        self.answers: dict[str, str | None] = {}
        self.taken: list[bytes] = []
        self.said: list[str] = []
        self.features = features
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> SmtpServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def environ(self) -> dict[str, str]:
        return {"HOLDFAST_SMTP": f"smtp://127.0.0.1:{self.port}", "HOLDFAST_MAIL_FROM": SENDER}

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, EOFError), sock:
            self._talk(sock)

    def _talk(self, sock: socket.socket) -> None:
        file = sock.makefile("rb")

        def say(verb: str, usual: str) -> bool:
            text = self.answers.get(verb, usual)
            if text is None:
                sock.shutdown(socket.SHUT_RDWR)
                raise EOFError
            sock.sendall(text.encode() + b"\r\n")
            return text[:1] in "23"

        say("CONNECT", "220 mail.unit.example")
        while line := file.readline():
            text = line.decode("latin-1").strip()
            verb = text.partition(" ")[0].upper()
            self.said.append(text)
            if verb == "EHLO":
                lines = ["mail.unit.example", *self.features]
                usual = "\r\n".join(f"250{'-' if more is not lines[-1] else ' '}{more}" for more in lines)
                say(verb, usual)
            elif verb == "STARTTLS" and self._tls is not None:
                say(verb, "220 go")
                sock = self._tls.wrap_socket(sock, server_side=True)
                file = sock.makefile("rb")
            elif verb == "DATA":
                if say(verb, "354 go on"):
                    if "HALF" in self.answers:
                        file.read(100)
                        say("HALF", "")
                    message = b"".join(iter(file.readline, b".\r\n"))
                    if say(".", "250 taken"):
                        self.taken.append(message.replace(b"\n..", b"\n."))
            elif verb == "QUIT":
                say(verb, "221 bye")
                return
            else:
                say(verb, "250 fine")


def certificate(name: str, folder: Path, *, password: bytes | None = b"secret") -> Mapping[str, Path]:
    """A key with a self-signed certificate for a mail address, as `p12`, `pem` (certificate) and `key`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(name)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(key, SHA256())
    )
    paths = {kind: folder / f"{name.partition('@')[0]}.{kind}" for kind in ("p12", "crt", "private")}
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    paths["p12"].write_bytes(pkcs12.serialize_key_and_certificates(b"unit", key, made, None, encryption))
    paths["crt"].write_bytes(made.public_bytes(Encoding.PEM))
    paths["private"].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for path in paths.values():
        path.chmod(0o600)
    return paths
