"""Throw-away certificates for a played provider: an authority, its server, and those who may speak to it.

They are made where they are needed and prove nothing to anybody else; the keys are readable by their owner alone.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from providers.http import utc_now

DAY = timedelta(days=1)
LIFE = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A certificate and its key, both files in PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificates:
    """What a played provider and its client need. `ca` is the certificate that both trust."""

    ca: Path
    server: Pair
    client: Pair

    def environ(self, url: str) -> Mapping[str, str]:
        """The variables by which `config/providers/sandbox-hi1.toml` finds the provider at an address."""
        return {
            "HOLDFAST_HI1_URL": url,
            "HOLDFAST_HI1_CERTIFICATE": str(self.client.certificate),
            "HOLDFAST_HI1_KEY": str(self.client.key),
            "HOLDFAST_HI1_CA": str(self.ca),
        }


class Authority:
    """Issues certificates into a folder, for as long as it lives; its own key is never written down."""

    def __init__(self, folder: Path, *, name: str = "Holdfast sandbox", now: datetime | None = None) -> None:
        self._folder, self._now = folder, now or utc_now()
        self._key, self._subject = ec.generate_private_key(ec.SECP256R1()), _name("XX", name)
        built = self._builder(self._subject, self._key.public_key(), self._now - DAY, self._now + LIFE)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        built = built.add_extension(_usage(signs_certificates=True), critical=True)
        self.certificate = folder / f"{name.lower().replace(' ', '-')}-ca.pem"
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate.write_bytes(_pem(built.sign(self._key, hashes.SHA256())))

    def server(self, file: str = "server") -> Pair:
        """A certificate for this machine."""
        addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", "::1")]
        names = x509.SubjectAlternativeName([*addresses, x509.DNSName("localhost")])
        return self._issue(file, _name("XX", "localhost"), names, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(
        self,
        country: str,
        identifier: str,
        *,
        file: str = "client",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Pair:
        """A certificate for who speaks as (country, identifier); the played provider binds the two."""
        names = x509.SubjectAlternativeName([x509.DNSName("client.example.com")])
        subject = _name(country, identifier)
        return self._issue(file, subject, names, ExtendedKeyUsageOID.CLIENT_AUTH, since=since, until=until)

    def _issue(
        self,
        file: str,
        subject: x509.Name,
        names: x509.SubjectAlternativeName,
        purpose: x509.ObjectIdentifier,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        built = self._builder(subject, key.public_key(), since or self._now - DAY, until or self._now + LIFE)
        built = built.add_extension(names, critical=False)
        built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        built = built.add_extension(_usage(signs_certificates=False), critical=True)
        built = built.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        pair = Pair(certificate=self._folder / f"{file}.pem", key=self._folder / f"{file}.key")
        pair.certificate.write_bytes(_pem(built.sign(self._key, hashes.SHA256())))
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(pair.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written:
            written.write(secret)
        return pair

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, since: datetime, until: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def throwaway(folder: Path, *, country: str = "FR", identifier: str = "EXAMPLE-UNIT") -> Certificates:
    """Make all that a played provider and one client need, in a folder."""
    authority = Authority(folder)
    return Certificates(
        ca=authority.certificate, server=authority.server(), client=authority.client(country, identifier)
    )


def _name(country: str, common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, country), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
