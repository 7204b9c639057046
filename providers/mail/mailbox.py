"""The unit's mailbox over IMAP (RFC 3501, RFC 6851): look, fetch a bounded message, file it. Nothing is deleted.

UIDs are used within one session only and never stored, so a mailbox whose UIDVALIDITY changes between two passes
costs nothing: what is recorded is known by its bytes.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from providers.errors import ConfigurationError, Unavailable
from providers.mail.smtp import CA, is_loopback, trusting

SERVER, PASSWORD = "HOLDFAST_IMAP", "HOLDFAST_IMAP_PASSWORD"
PORTS = {"imaps": 993, "imap+starttls": 143}
TIMEOUT = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """Where the unit's mail is: server, user and folder."""

    scheme: str
    host: str
    port: int
    user: str
    folder: str = "INBOX"
    password: str = field(default="", repr=False)
    ca: str = ""
    timeout: float = TIMEOUT

    @classmethod
    def load(cls, environ: Mapping[str, str], *, sandbox: bool) -> Box | None:
        """The mailbox that the environment names; None if it names none.

        Raises:
            ConfigurationError: it is no address of a mailbox; or a sandbox ledger would read a real one.
        """
        address = environ.get(SERVER, "")
        if not address:
            return None
        expected = f"{SERVER}: expected imaps://USER@HOST:PORT/INBOX"
        try:
            found = urlsplit(address)
            host, port = found.hostname or "", found.port
        except ValueError:
            raise ConfigurationError(expected) from None
        if found.scheme not in PORTS or not host or not found.username:
            raise ConfigurationError(f"{expected} (or imap+starttls://…)")
        if sandbox and not is_loopback(host):
            raise ConfigurationError(f"{SERVER}: a sandbox ledger reads mail on 127.0.0.1 or ::1 only, not on {host}")
        return cls(
            scheme=found.scheme,
            host=host,
            port=port or PORTS[found.scheme],
            user=unquote(found.username),
            folder=unquote(found.path.strip("/")) or "INBOX",
            password=environ.get(PASSWORD, ""),
            ca=environ.get(CA, ""),
        )


class Mailbox:
    """An open mailbox; `opened` gives one. Every method raises `Unavailable` when the server does not do it."""

    def __init__(self, link: imaplib.IMAP4, folder: str) -> None:
        self._link, self._folder = link, folder
        self._separator = "/"
        self._made: set[str] = set()
        self._can: frozenset[str] = frozenset()

    def enter(self) -> None:
        """Open the folder for reading and writing."""
        said = self._do("CAPABILITY", self._link.capability)
        self._can = frozenset(str(said[0] or b"", "ascii", "replace").upper().split()) if said else frozenset()
        listed = self._do("LIST", lambda: self._link.list('""', '""'))
        if listed and isinstance(listed[0], bytes) and (found := re.search(rb'"(.)"', listed[0])):
            self._separator = found[1].decode("ascii", "replace")
        self._do("SELECT", lambda: self._link.select(_quoted(self._folder)))

    def still_there(self) -> None:
        """Nothing, where the server still answers: then what it refused before was that one thing."""
        self._do("NOOP", self._link.noop)

    def waiting(self, most: int | None = None) -> list[int]:
        """The UIDs of the messages in the folder, oldest first, at most so many."""
        said = self._do("SEARCH", lambda: self._link.uid("SEARCH", "UNDELETED"))
        uids = sorted(int(each) for each in (said[0] or b"").split() if each.isdigit()) if said else []
        return uids[:most]

    def size(self, uid: int) -> int | None:
        """How many bytes a message has; None if it is not there any more: another pass was faster."""
        said = self._do("FETCH", lambda: self._link.uid("FETCH", str(uid), "(UID RFC822.SIZE)"))
        for each in said:
            raw = each[0] if isinstance(each, tuple) else each
            if isinstance(raw, bytes) and _is_about(raw, uid) and (found := re.search(rb"RFC822\.SIZE (\d+)", raw)):
                return int(found[1])
        return None

    def fetch(self, uid: int, most: int) -> bytes | None:
        """A message's bytes, at most so many; None if it is not there any more. It stays unread for people."""
        said = self._do("FETCH", lambda: self._link.uid("FETCH", str(uid), f"(UID BODY.PEEK[]<0.{most}>)"))
        for each in said:
            if isinstance(each, tuple) and _is_about(each[0], uid):
                content: bytes = each[1]
                return content
        return None

    def file(self, uid: int, folder: str) -> None:
        """Move a message to a folder such as "Holdfast/Filed", which is made where it is missing."""
        name = self._there(folder)
        if "MOVE" in self._can:
            self._do("MOVE", lambda: self._link.uid("MOVE", str(uid), name))
            return
        self._do("COPY", lambda: self._link.uid("COPY", str(uid), name))
        self._do("STORE", lambda: self._link.uid("STORE", str(uid), "+FLAGS", r"(\Deleted)"))
        if "UIDPLUS" in self._can:  # else it stays marked: a plain EXPUNGE would take others' messages too
            self._do("EXPUNGE", lambda: self._link.uid("EXPUNGE", str(uid)))

    def count(self, folder: str) -> int:
        """How many messages a folder holds; 0 where there is none."""
        try:
            said = self._do("STATUS", lambda: self._link.status(_quoted(self._named(folder)), "(MESSAGES)"))
        except Unavailable:
            return 0
        found = re.search(rb"MESSAGES (\d+)", said[0]) if said and isinstance(said[0], bytes) else None
        return int(found[1]) if found else 0

    def _named(self, folder: str) -> str:
        return folder.replace("/", self._separator)

    def _there(self, folder: str) -> str:
        name = _quoted(self._named(folder))
        if name not in self._made:
            with suppress(Unavailable):  # it is there already
                self._do("CREATE", lambda: self._link.create(name))
            self._made.add(name)
        return name

    def _do(self, what: str, call: Callable[[], tuple[str, Any]]) -> list[Any]:
        try:
            status, said = call()
        except (imaplib.IMAP4.error, OSError) as error:
            raise Unavailable(f"the mail server broke off at {what} ({type(error).__name__})") from None
        if status != "OK":
            raise Unavailable(f"the mail server refuses {what}")
        return list(said or ())


@contextmanager
def opened(box: Box) -> Iterator[Mailbox]:
    """Log in and open the folder; logged out at the end.

    Raises:
        Unavailable: the server cannot be reached, or breaks off.
        ConfigurationError: it refuses our log-in, or its certificate cannot be trusted.
    """
    link = _connected(box)
    try:
        mailbox = Mailbox(link, box.folder)
        mailbox.enter()
        yield mailbox
    finally:
        with suppress(imaplib.IMAP4.error, OSError):
            link.logout()


def _connected(box: Box) -> imaplib.IMAP4:
    try:
        link = _secured(box)
    except ssl.SSLCertVerificationError as error:
        raise ConfigurationError(
            f"{SERVER}: the certificate of {box.host} cannot be trusted: {error.verify_message}; see {CA}"
        ) from None
    except (imaplib.IMAP4.error, OSError) as error:
        reason = f"the mail server {box.host}:{box.port} cannot be reached ({type(error).__name__})"
        raise Unavailable(reason) from None
    try:
        link.login(box.user, box.password)
    except (imaplib.IMAP4.abort, OSError) as error:
        link.shutdown()
        raise Unavailable(f"the mail server broke off at LOGIN ({type(error).__name__})") from None
    except imaplib.IMAP4.error:
        link.shutdown()
        raise ConfigurationError(f"{SERVER}: {box.host} refuses our log-in; check the user and {PASSWORD}") from None
    return link


def _secured(box: Box) -> imaplib.IMAP4:
    secure = trusting(box.ca)
    if box.scheme == "imaps":
        return imaplib.IMAP4_SSL(box.host, box.port, ssl_context=secure, timeout=box.timeout)
    link = imaplib.IMAP4(box.host, box.port, timeout=box.timeout)
    try:
        link.starttls(secure)
    except BaseException:
        link.shutdown()
        raise
    return link


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_about(said: bytes, uid: int) -> bool:
    found = re.search(rb"\bUID (\d+)", said)
    return found is not None and int(found[1]) == uid
