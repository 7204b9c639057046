"""S/MIME: our signature, and encryption for a provider whose certificate is known (RFC 8551)."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7, pkcs12

from providers.errors import ConfigurationError
from providers.mail.compose import Entity, base64_lines, multipart

P12, PASSWORD = "HOLDFAST_SMIME_P12", "HOLDFAST_SMIME_PASSWORD"


@dataclass(frozen=True, kw_only=True, slots=True)
class Signer:
    """Our key with its certificate and those between it and a root."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Signer | None:
        """The signer that the environment names; None if it names none.

        Raises:
            ConfigurationError: the file, its rights or its password are wrong.
        """
        name = environ.get(P12, "")
        if not name:
            return None
        path = Path(name)
        try:
            mode, raw = path.stat().st_mode, path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{P12}: {path}: {error.strerror}") from None
        if stat.S_IMODE(mode) & 0o077:
            raise ConfigurationError(f"{P12}: {path}: others may read the key: chmod 600 it")
        try:
            found = pkcs12.load_pkcs12(raw, environ.get(PASSWORD, "").encode() or None)
        except (ValueError, UnsupportedAlgorithm):
            raise ConfigurationError(f"{P12}: {path}: does not open; is {PASSWORD} right, is it PKCS #12?") from None
        if not isinstance(found.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or found.cert is None:
            raise ConfigurationError(f"{P12}: {path}: expected an RSA or EC key with its certificate")
        return cls(
            key=found.key,
            certificate=found.cert.certificate,
            chain=tuple(each.certificate for each in found.additional_certs),
        )

    def sign(self, entity: Entity, boundary: str) -> Entity:
        """The entity with a detached signature beside it (multipart/signed)."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(entity.to_bytes())
        builder = builder.add_signer(self.certificate, self.key, SHA256())
        for each in self.chain:
            builder = builder.add_certificate(each)
        # Binary: the bytes have their CRLF already, and are signed as they travel
        raw = builder.sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
        signature = _pkcs7("application/pkcs7-signature", "smime.p7s", raw)
        kind = f'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="{boundary}"'
        return multipart(kind, boundary, [entity, signature])


def read_certificate(path: str, where: str) -> x509.Certificate:
    """The certificate to encrypt for: PEM or DER, RSA.

    Raises:
        ConfigurationError: it cannot be read, or nothing can be encrypted for it.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{where}: adapter.certificate: {path}: {error.strerror}") from None
    try:
        pem = b"-----BEGIN" in raw
        certificate = x509.load_pem_x509_certificate(raw) if pem else x509.load_der_x509_certificate(raw)
    except ValueError:
        raise ConfigurationError(f"{where}: adapter.certificate: {path}: is no certificate (PEM or DER)") from None
    if not isinstance(certificate.public_key(), rsa.RSAPublicKey):
        raise ConfigurationError(f"{where}: adapter.certificate: {path}: can only encrypt for an RSA key")
    return certificate


def encrypt(entity: Entity, certificate: x509.Certificate) -> Entity:
    """The entity so that only the holder of the certificate's key can read it (application/pkcs7-mime)."""
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(entity.to_bytes())
    builder = builder.set_content_encryption_algorithm(AES256).add_recipient(certificate)
    raw = builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    return _pkcs7("application/pkcs7-mime; smime-type=enveloped-data", "smime.p7m", raw)


def _pkcs7(kind: str, name: str, raw: bytes) -> Entity:
    return Entity(
        headers=(
            f'Content-Type: {kind}; name="{name}"',
            "Content-Transfer-Encoding: base64",
            f'Content-Disposition: attachment; filename="{name}"',
        ),
        body=base64_lines(raw),
    )
