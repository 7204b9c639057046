"""Asking a time-stamp authority (RFC 3161, section 3.4, over HTTP) for a stamp over a signed head.

The authority sees a SHA-256 and nothing else. Its address is the unit's own choice, in the environment; plain HTTP
will do, because what comes back is signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ledger.heads import Head, Stamp

if TYPE_CHECKING:
    from ledger.stamps import Authority

URL, CA, POLICY = "HOLDFAST_TSA_URL", "HOLDFAST_TSA_CA", "HOLDFAST_TSA_POLICY"
TIMEOUT = (5.0, 15.0)
"""Seconds to connect, and for each part of the answer."""

MOST = 256 * 1024
"""Bytes of an answer; a stamp with its certificates has less than a tenth of that."""


class NotStamped(Exception):
    """The authority gave no stamp that holds. The message says why; it may be asked again."""


def is_configured(environ: Mapping[str, str]) -> bool:
    """Whether the unit names a time-stamp authority."""
    return bool(environ.get(URL))


def authority(environ: Mapping[str, str]) -> Authority | None:
    """Whom we believe, None if the unit names nobody.

    Raises:
        NotStamped: the file of certificates or the policy cannot be used; says what to write instead.
    """
    from ledger.stamps import Authority, StampError, check_certificates

    where = environ.get(CA, "")
    if not where:
        return None
    try:
        found = Authority(certificates=Path(where).read_bytes(), policy=environ.get(POLICY, ""))
        check_certificates(found)
    except OSError as error:
        raise NotStamped(f"{CA}: {where}: cannot be read: {error.strerror}") from None
    except StampError as error:
        raise NotStamped(f"{CA}, {POLICY}: {error}") from None
    return found


def stamp(environ: Mapping[str, str], head: Head) -> tuple[Stamp, datetime]:
    """A stamp over a head, checked, and the instant it names (UTC).

    Raises:
        NotStamped: there is none that holds.
    """
    from ledger.stamps import StampError, ask, stamped_at

    believed = authority(environ)
    if believed is None:
        raise NotStamped(f"{CA} is not set: without the authority's root certificates a stamp proves nothing")
    query = ask(head)
    given = Stamp(head=head.digest, response=_answer(environ[URL], query.message))
    try:
        return given, stamped_at(given, head, believed, nonce=query.nonce)
    except StampError as error:
        raise NotStamped(str(error)) from None


def _answer(url: str, message: bytes) -> bytes:
    import requests

    from ledger.stamps import MEDIA

    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise NotStamped(f"{URL}: expected http://… or https://…")
    host = urlsplit(url).netloc.rpartition("@")[2]
    with requests.Session() as session:
        session.trust_env = False  # no proxy, no password from a file of the user's
        try:
            with session.post(
                url,
                data=message,
                headers={"Content-Type": MEDIA, "User-Agent": "holdfast"},
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = answer.raw.read(MOST + 1, decode_content=True)
        except (requests.RequestException, OSError) as error:
            raise NotStamped(f"{host} cannot be reached ({type(error).__name__})") from None
        except Exception as error:  # urllib3's own, while the answer is read
            raise NotStamped(f"{host} broke its answer off ({type(error).__name__})") from None
    if answer.status_code != requests.codes.ok:
        raise NotStamped(f"{host} answered with status {answer.status_code}")
    if len(content) > MOST:
        raise NotStamped(f"{host} answered with more than {MOST} bytes")
    return bytes(content)
