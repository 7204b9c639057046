"""Time stamps over signed heads (RFC 3161): what is asked of an authority, and whether its answer holds.

A stamp says that the authority saw the head's line no later than the instant it names, by the authority's own
clock: nobody who has our key can date a head back. What is stamped is the SHA-256 of the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from ledger.heads import Head, Stamp

MEDIA = "application/timestamp-query"


class StampError(ValueError):
    """The answer is no time stamp for this head, or cannot be trusted. The message says why, for a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """Whom we believe: the certificates (PEM) at the end of the chain, and the policy asked for ("" for any)."""

    certificates: bytes = field(repr=False)
    policy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """What is sent to an authority, and what its answer must repeat."""

    message: bytes
    nonce: int


def ask(head: Head) -> Query:
    """The request for a stamp over a head, with a nonce, asking for the authority's certificates."""
    builder = TimestampRequestBuilder().data(head.text().encode()).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.build()
    return Query(message=request.as_bytes(), nonce=request.nonce or 0)


def stamped_at(stamp: Stamp, head: Head, authority: Authority, *, nonce: int | None = None) -> datetime:
    """When the authority saw the head (UTC), if the stamp holds.

    The authority's certificates must have been valid at that instant, be meant for time stamping alone, and lead to
    one of `authority`.

    Args:
        stamp: the answer, from an authority or from a file.
        head: what it must be for.
        authority: whom we believe.
        nonce: what the answer must repeat, where it was just asked for.

    Raises:
        StampError: it does not hold; says why.
    """
    if stamp.head != head.digest:
        raise StampError("it is for another head")
    policy = x509.ObjectIdentifier(authority.policy) if authority.policy else None
    try:
        response = decode_timestamp_response(stamp.response)
        if response.status != 0:
            words = "; ".join(response.status_string) or f"status {response.status}"
            raise StampError(f"the authority refused: {words[:200]}")
        roots, others = _sorted(x509.load_pem_x509_certificates(authority.certificates))
        verifier = VerifierBuilder(policy_id=policy, roots=roots, intermediates=others, nonce=nonce).build()
        verifier.verify_message(response, head.text().encode())
        at = response.tst_info.gen_time
    except VerificationError as error:
        raise StampError(f"it does not hold: {' '.join(str(error).split())[:200]}") from None
    except StampError:
        raise
    except Exception as error:  # hostile bytes, of which the decoder says nothing useful
        raise StampError(f"it cannot be read as an RFC 3161 response ({type(error).__name__})") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def check_certificates(authority: Authority) -> None:
    """Make sure that there is somebody to believe.

    Raises:
        StampError: no certificate, or a policy that is no object identifier; says what to write instead.
    """
    try:
        roots, _ = _sorted(x509.load_pem_x509_certificates(authority.certificates))
    except ValueError:
        roots = []
    if not roots:
        raise StampError("expected the certificates (PEM) of the authority's root, found none")
    try:
        x509.ObjectIdentifier(authority.policy or "1.2.3")
    except ValueError:
        raise StampError(f"expected an object identifier such as 1.2.3.4.1, found {authority.policy!r}") from None


def _sorted(certificates: Sequence[x509.Certificate]) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
    """Roots (they sign themselves) and the rest."""
    roots = [each for each in certificates if each.subject == each.issuer]
    return roots, [each for each in certificates if each.subject != each.issuer]
