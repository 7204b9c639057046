"""How we show a provider who we are: a token, a user and password, or a signature. Secrets are never in TOML.

A secret is named by an environment variable (`token_env`) or a file (`token_file`); a file is read anew for
every message, so it can be changed under a running process.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from providers.errors import ConfigurationError
from providers.section import Section, one_of, shown

WITHHELD = "(withheld)"
"""Stands in the recorded message where a secret, or what is made with one, was sent."""


class Signable(Protocol):
    """What a signature is made over."""

    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """Where a secret is found. `where` names the key of the table, for messages."""

    where: str
    env: str = ""
    file: str = ""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def read(self) -> str:
        """The secret.

        Raises:
            ConfigurationError: it is not there, empty, or in a file that others may read.
        """
        value = self._from_env() if self.env else self._from_file()
        if not value.isprintable() or not value.isascii():
            raise ConfigurationError(f"{self.where}: the secret has characters that no header can carry")
        return value

    def _from_env(self) -> str:
        value = self.environ.get(self.env, "")
        if not value:
            raise ConfigurationError(
                f"{self.where}: the environment variable {self.env} is not set; set it, or have a block in Prefect"
                " (Holdfast Provider Credentials) stand for it"
            )
        return value

    def _from_file(self) -> str:
        path = Path(self.file)
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(f"{self.where}: {self.file} is not a file")
            if status.st_mode & stat.S_IRWXO:
                raise ConfigurationError(
                    f"{self.where}: everyone on this machine may read {self.file}; run: chmod 600 {self.file}"
                )
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigurationError(f"{self.where}: {self.file} cannot be read: {reason}") from None
        if not value:
            raise ConfigurationError(f"{self.where}: {self.file} is empty")
        return value


@dataclass(frozen=True, kw_only=True, slots=True)
class Auth:
    """No proof of who we are; the other kinds add headers."""

    @property
    def header_names(self) -> tuple[str, ...]:
        """The headers that it adds, to be named but not quoted in the record."""
        return ()

    def headers(self, message: Signable, now: datetime) -> dict[str, str]:
        """The headers for one message. `ConfigurationError` if the secret cannot be read."""
        return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bearer(Auth):
    """`Authorization: Bearer TOKEN` (RFC 6750)."""

    token: Secret

    @property
    def header_names(self) -> tuple[str, ...]:
        """Authorization."""
        return ("Authorization",)

    def headers(self, message: Signable, now: datetime) -> dict[str, str]:
        """The token."""
        return {"Authorization": f"Bearer {self.token.read()}"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Basic(Auth):
    """`Authorization: Basic …` (RFC 7617)."""

    user: str
    password: Secret

    @property
    def header_names(self) -> tuple[str, ...]:
        """Authorization."""
        return ("Authorization",)

    def headers(self, message: Signable, now: datetime) -> dict[str, str]:
        """User and password."""
        pair = f"{self.user}:{self.password.read()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Key(Auth):
    """A key in a header of its own (`X-Api-Key: …`)."""

    header: str
    key: Secret

    @property
    def header_names(self) -> tuple[str, ...]:
        """The header of the key."""
        return (self.header,)

    def headers(self, message: Signable, now: datetime) -> dict[str, str]:
        """The key."""
        return {self.header: self.key.read()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Hmac(Auth):
    """A signature over method, path, body and time, made with a shared secret (docs/providers.md shows how)."""

    secret: Secret
    key_id: str
    key_id_header: str
    signature_header: str
    timestamp_header: str

    @property
    def header_names(self) -> tuple[str, ...]:
        """The signature and its time, and the key's name where there is one."""
        return (self.signature_header, self.timestamp_header, *([self.key_id_header] if self.key_id else []))

    def headers(self, message: Signable, now: datetime) -> dict[str, str]:
        """The signature and its time."""
        timestamp = str(int(now.timestamp()))
        address = urlsplit(message.url)
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        digest = hashlib.sha256(message.body).hexdigest()
        signed = "\n".join((message.method, path, timestamp, digest)).encode()
        signature = hmac.new(self.secret.read().encode(), signed, hashlib.sha256).hexdigest()
        named = {self.key_id_header: self.key_id} if self.key_id else {}
        return {self.timestamp_header: timestamp, self.signature_header: f"sha256={signature}", **named}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    """A kind of proof: the name of its secret, and its other keys with their defaults (None: must be there)."""

    named: str
    settings: Mapping[str, str | None]


KINDS: Mapping[str, _Kind] = {
    "none": _Kind(named="", settings={}),
    "bearer": _Kind(named="token", settings={}),
    "basic": _Kind(named="password", settings={"user": None}),
    "header": _Kind(named="key", settings={"header": None}),
    "hmac": _Kind(
        named="secret",
        settings={
            "key_id": "",
            "key_id_header": "X-Key-Id",
            "signature_header": "X-Signature",
            "timestamp_header": "X-Timestamp",
        },
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthTable:
    """An `[adapter.auth]` table, checked without looking at any secret."""

    type: str = "none"
    where: str = ""
    env: str = ""
    file: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    def open(self, environ: Mapping[str, str]) -> Auth:
        """The proof itself, its secret read once. `ConfigurationError` if it cannot be."""
        if self.type == "none":
            return Auth()
        secret = Secret(where=self.where, env=self.env, file=self.file, environ=environ)
        secret.read()
        if self.type == "bearer":
            return Bearer(token=secret)
        if self.type == "basic":
            return Basic(password=secret, **self.settings)
        if self.type == "header":
            return Key(key=secret, **self.settings)
        return Hmac(secret=secret, **self.settings)


def read_auth(section: Section) -> AuthTable:
    """The `[adapter.auth]` table of a provider; problems go to the section."""
    if not section.values:
        return AuthTable()
    type_ = section.word("type", tuple(KINDS))
    kind = KINDS[type_]
    from_env, from_file = f"{kind.named}_env", f"{kind.named}_file"
    known = ("type", *((from_env, from_file) if kind.named else ()), *kind.settings)
    for key in section.values:
        if key in {other.named for other in KINDS.values()}:
            section.wrong(
                key,
                f"a secret is never written in this file; write {key}_env with the name of an environment "
                f"variable, or {key}_file with the path of a file that only its owner can read",
            )
        elif key not in known:
            section.wrong(key, f"unknown key for {type_}; {one_of(key, known)}")
    env = section.text(from_env) if from_env in section.values else ""
    file = section.text(from_file) if from_file in section.values else ""
    if (
        kind.named
        and kind.named not in section.values
        and (from_env in section.values) == (from_file in section.values)
    ):
        section.wrong("", f"expected either {from_env} or {from_file}")
    settings = {
        key: section.text(key) if default is None or key in section.values else default
        for key, default in kind.settings.items()
    }
    for key, value in settings.items():
        if key.endswith("header") and value and not re.fullmatch(r"[A-Za-z0-9-]+", value):
            section.wrong(key, f"expected the name of a header, found {shown(value)}")
    where = f"{section.where}: {section.path}.{from_env if env else from_file}"
    return AuthTable(type=type_, where=where, env=env, file=file, settings=settings)
