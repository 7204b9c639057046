"""Signs letters: PAdES, baseline B-B (ETSI EN 319 142-1), with a key from a PKCS #12 file.

No time-stamp authority is asked: the time in the signature is this machine's. Nothing here uses the network.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from providers.errors import ConfigurationError

if TYPE_CHECKING:
    from pyhanko.sign.signers import SimpleSigner

FIELD = "Signature"


class PadesSigner:
    """Signs with the certificate of a PKCS #12 file, which is opened when the first letter is signed.

    Args:
        path: the file.
        password: opens it; "" for none.
        clock: aware UTC; the signature's time, and what the certificate's validity is held against.
        where: what to name in messages: the setting that gives the path.
    """

    def __init__(self, path: Path, *, password: str, clock: Callable[[], datetime], where: str) -> None:
        self._path, self._password, self._clock, self._where = path, password, clock, where
        self._opened: tuple[SimpleSigner, datetime, datetime] | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"PadesSigner({self._where})"

    def check(self) -> None:
        """Open the file and hold the certificate against the clock.

        Raises:
            ConfigurationError: the file, the password or the certificate is wrong, or it is not valid now.
        """
        self._valid_at(self._clock())

    def sign(self, pdf: bytes) -> bytes:
        """The letter with the signature appended; the signed bytes themselves stay as they were.

        Raises:
            ConfigurationError: as `check`, or the key cannot sign.
        """
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415 - only to sign
        from pyhanko.sign.fields import SigSeedSubFilter  # noqa: PLC0415
        from pyhanko.sign.general import SigningError  # noqa: PLC0415
        from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner  # noqa: PLC0415

        now = self._clock()

        class Dated(PdfSigner):
            """Signs at `now`: there is one clock."""

            def init_signing_session(self, *args: Any, **more: Any) -> Any:
                session = super().init_signing_session(*args, **more)
                session.system_time = now
                return session

        about = PdfSignatureMetadata(
            field_name=FIELD, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, embed_validation_info=False
        )
        try:
            signer = Dated(about, signer=self._valid_at(now))
            signed: bytes = signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf))).getvalue()
        except (SigningError, ValueError) as error:
            raise ConfigurationError(f"{self._where}: its key cannot sign ({type(error).__name__})") from None
        return signed

    def _valid_at(self, now: datetime) -> SimpleSigner:
        with self._lock:
            self._opened = self._opened or self._open()
        signer, since, until = self._opened
        if now < since:
            raise ConfigurationError(
                f"{self._where}: its certificate is valid only from {since:%Y-%m-%d %H:%M} UTC on; "
                "name one that is valid now"
            )
        if now > until:
            raise ConfigurationError(
                f"{self._where}: its certificate expired on {until:%Y-%m-%d %H:%M} UTC; name one that is valid now"
            )
        return signer

    def _open(self) -> tuple[SimpleSigner, datetime, datetime]:
        from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415 - only to sign
        from cryptography.x509 import ExtensionNotFound, KeyUsage  # noqa: PLC0415
        from pyhanko.sign.signers import SimpleSigner  # noqa: PLC0415

        password = self._password.encode() or None
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"{self._where}: the file cannot be read: {error.strerror or type(error).__name__}"
            ) from None
        try:
            key, certificate, _ = pkcs12.load_key_and_certificates(content, password)
        except (ValueError, TypeError):
            raise ConfigurationError(
                f"{self._where}: the file is no PKCS #12 file, or its password is wrong"
            ) from None
        if key is None or certificate is None:
            raise ConfigurationError(f"{self._where}: the file lacks a private key or its certificate")
        try:
            usage = certificate.extensions.get_extension_for_class(KeyUsage).value
        except ExtensionNotFound:
            usage = None
        if usage is not None and not (usage.digital_signature or usage.content_commitment):
            raise ConfigurationError(f"{self._where}: its certificate is not for signing (key usage)")
        signer = SimpleSigner.load_pkcs12_data(content, other_certs=[], passphrase=password)
        return signer, certificate.not_valid_before_utc, certificate.not_valid_after_utc
