"""Signed letters: PAdES that validates, by a certificate that is valid now; else a clear word about what is wrong."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption, pkcs12
from cryptography.x509.oid import NameOID
from letters_support import letter_order, stationery, text_of
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from providers.errors import ConfigurationError
from providers.letters import Typesetter
from providers.letters.signing import PadesSigner

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PASSWORD = "open sesame"


def key_file(
    folder: Path,
    *,
    since: datetime = NOW - timedelta(days=30),
    until: datetime = NOW + timedelta(days=30),
    password: str = PASSWORD,
    signing: bool = True,
    elliptic: bool = False,
) -> Path:
    """A throw-away key with its own certificate."""
    key: Any = ec.generate_private_key(ec.SECP256R1()) if elliptic else rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Cybercrime Unit, Example Police")])
    usage = x509.KeyUsage(
        digital_signature=signing,
        content_commitment=signing,
        key_encipherment=not signing,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    sealed = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    file = folder / "signing.p12"
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"unit", key, certificate, None, sealed))
    from cryptography.hazmat.primitives.serialization import Encoding

    (folder / "unit.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    return file


def signer(file: Path, password: str = PASSWORD, now: datetime = NOW) -> PadesSigner:
    return PadesSigner(file, password=password, clock=lambda: now, where="HOLDFAST_SIGNING_P12")


@pytest.mark.parametrize("elliptic", [False, True])
def test_a_signed_letter_validates_and_says_that_it_is_signed(tmp_path: Path, elliptic: bool) -> None:
    file = key_file(tmp_path, elliptic=elliptic)
    letter = Typesetter(stationery(), signer=signer(file)).write(letter_order())
    assert letter.signed
    assert "This file carries an electronic signature." in text_of(letter.pdf)
    (signature,) = PdfFileReader(io.BytesIO(letter.pdf)).embedded_signatures
    trusted = ValidationContext(
        trust_roots=[load_cert_from_pemder(str(tmp_path / "unit.crt"))], moment=NOW, allow_fetching=False
    )
    status = validate_pdf_signature(signature, trusted)
    assert status.bottom_line, status.pretty_print_details()
    assert status.coverage.name == "ENTIRE_FILE"
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert status.signer_reported_dt == NOW


def test_a_changed_letter_does_not_validate(tmp_path: Path) -> None:
    letter = Typesetter(stationery(), signer=signer(key_file(tmp_path))).write(letter_order())
    at = letter.pdf.index(b"/Creator(") + 10
    changed = letter.pdf[:at] + bytes([letter.pdf[at] ^ 1]) + letter.pdf[at + 1 :]
    (signature,) = PdfFileReader(io.BytesIO(changed)).embedded_signatures
    status = validate_pdf_signature(signature, ValidationContext(trust_roots=[], moment=NOW, allow_fetching=False))
    assert not status.intact


def test_the_signed_bytes_are_those_of_the_letter(tmp_path: Path) -> None:
    """The signature is appended: what was typeset stands unchanged before it."""
    letters = Typesetter(stationery(), signer=signer(key_file(tmp_path)))
    first, second = letters.write(letter_order()), letters.write(letter_order())
    shared = first.pdf.index(b"%%EOF")
    assert first.pdf[:shared] == second.pdf[:shared]
    assert first.pdf != second.pdf, "a signed letter is not the same twice"


def test_a_draft_is_never_signed_and_needs_no_certificate(tmp_path: Path) -> None:
    letter = Typesetter(stationery(), signer=signer(tmp_path / "missing.p12")).write(letter_order(), draft=True)
    assert not letter.signed
    assert b"/ByteRange" not in letter.pdf


def test_no_password_is_a_password_too(tmp_path: Path) -> None:
    file = key_file(tmp_path, password="")
    assert Typesetter(stationery(), signer=signer(file, "")).write(letter_order()).signed


@pytest.mark.parametrize(
    ("how", "password", "message"),
    [
        ({}, "wrong", "no PKCS #12 file, or its password is wrong"),
        ({}, "", "no PKCS #12 file, or its password is wrong"),
        ({"until": NOW - timedelta(days=1)}, PASSWORD, "its certificate expired on 2026-11-20 09:00 UTC"),
        ({"since": NOW + timedelta(days=1)}, PASSWORD, "valid only from 2026-11-22 09:00 UTC on"),
        ({"signing": False}, PASSWORD, "not for signing"),
    ],
)
def test_a_certificate_that_cannot_sign_now_is_told(
    tmp_path: Path, how: dict[str, Any], password: str, message: str
) -> None:
    letters = Typesetter(stationery(), signer=signer(key_file(tmp_path, **how), password))
    with pytest.raises(ConfigurationError, match=message) as found:
        letters.write(letter_order())
    assert str(found.value).startswith("HOLDFAST_SIGNING_P12: ")
    assert PASSWORD not in str(found.value)


def test_a_certificate_is_valid_to_its_last_second_and_not_after(tmp_path: Path) -> None:
    file = key_file(tmp_path, until=NOW)
    assert Typesetter(stationery(), signer=signer(file)).write(letter_order()).signed
    late = Typesetter(stationery(), signer=signer(file, now=NOW + timedelta(seconds=1)))
    with pytest.raises(ConfigurationError, match="expired"):
        late.write(letter_order())


def test_a_missing_file_and_one_that_is_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        signer(tmp_path / "none.p12").check()
    (tmp_path / "text.p12").write_text("hello")
    with pytest.raises(ConfigurationError, match="no PKCS #12 file"):
        signer(tmp_path / "text.p12").check()


def test_the_password_is_in_no_repr(tmp_path: Path) -> None:
    assert PASSWORD not in repr(signer(key_file(tmp_path)))
