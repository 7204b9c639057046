"""An enveloped XMLDSig signature over a whole message, where a profile asks for one (clause 9.2.3)."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from providers.errors import ConfigurationError
from providers.ts103120.saying import Sign
from providers.ts103120.xml import Element


def signer(certificate: str, key: str, where: str) -> Sign:
    """What signs a message with a key (PEM, without a password) and names its certificate.

    Raises:
        ConfigurationError: the key or the certificate cannot be used; says which file.
    """
    try:
        secret = load_pem_private_key(Path(key).read_bytes(), password=None)
        chain = Path(certificate).read_text(encoding="ascii")
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{where}: adapter.sign: {key} and {certificate} are no key and certificate in PEM without a password "
            f"({type(error).__name__})"
        ) from None
    if isinstance(secret, rsa.RSAPrivateKey):
        method = SignatureMethod.RSA_SHA256
    elif isinstance(secret, ec.EllipticCurvePrivateKey):
        method = SignatureMethod.ECDSA_SHA256
    else:
        raise ConfigurationError(f"{where}: adapter.sign: {key} is neither an RSA nor an elliptic-curve key")

    def sign(document: Element) -> Element:
        made = XMLSigner(
            signature_algorithm=method,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_1,
        )
        signed: Element = made.sign(document, key=secret, cert=chain)
        return signed

    return sign
