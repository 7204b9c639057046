"""A time-stamp authority on this machine: real RFC 3161 answers by OpenSSL, over a real HTTP server."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROOT = "Example time-stamp root"
POLICY = "1.3.6.1.4.1.32473.1"  # below IANA's number for examples
CONFIG = """
[tsa]
default_tsa = ours
[ours]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
certs = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = {policy}
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class Authority:
    """An authority. `ca` is the file of its root; `does` says what it does with a question."""

    def __init__(self, folder: Path, *, until: timedelta = timedelta(days=30)) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.does, self.asked, self.url = folder, "answer", 0, ""
        root_key, key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
        root = _certificate(ROOT, root_key, root_key, until=timedelta(days=30))
        signer = _certificate("Example authority", key, root_key, until=until)
        self.ca = folder / "root.crt"
        self.ca.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        (folder / "signer.pem").write_bytes(signer.public_bytes(serialization.Encoding.PEM))
        (folder / "signer.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "serial").write_text("01\n")
        (folder / "tsa.conf").write_text(CONFIG.format(folder=folder, policy=POLICY))

    def answer(self, question: bytes) -> bytes:
        """What OpenSSL answers to a question (DER)."""
        (self.folder / "question").write_bytes(question)
        command = ["openssl", "ts", "-reply", "-config", "tsa.conf", "-queryfile", "question", "-out", "answer"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "answer").read_bytes()

    def environ(self) -> dict[str, str]:
        """The variables of a unit that uses it."""
        return {"HOLDFAST_TSA_URL": self.url, "HOLDFAST_TSA_CA": str(self.ca), "HOLDFAST_TSA_POLICY": POLICY}


def _certificate(
    name: str, key: rsa.RSAPrivateKey, issuer_key: rsa.RSAPrivateKey, *, until: timedelta
) -> x509.Certificate:
    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, ROOT)]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named[0])
        .issuer_name(named[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + until)
        .add_extension(x509.BasicConstraints(ca=name == ROOT, path_length=None), critical=True)
    )
    if name != ROOT:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return made.sign(issuer_key, hashes.SHA256())


@contextmanager
def serving(authority: Authority) -> Iterator[Authority]:
    """The authority, reachable at `url` until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            authority.asked += 1
            question = self.rfile.read(int(self.headers["Content-Length"]))
            status, content = 200, b"no stamp at all"
            if authority.does == "answer":
                content = authority.answer(question)
            elif authority.does == "fail":
                status = 503
            elif authority.does == "flood":
                content = b"x" * 1_000_000
            elif authority.does == "redirect":
                status = 302
            self.send_response(status)
            if status == 302:
                self.send_header("Location", authority.url)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    authority.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
