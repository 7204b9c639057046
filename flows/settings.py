"""Where things are and what time it is: the environment, read once.

============================= ==============================================================================
``HOLDFAST_HOME``             ledger, keys, dropped escalations; default: the platform's user data folder
``HOLDFAST_LEDGER``           ``sqlite:///path`` or ``postgresql://role@host/database``; default: ``ledger.sqlite``
                              in the home
``HOLDFAST_CONFIG``           the unit's folder, laid over the shipped ``config/``
``HOLDFAST_CLOCK``            a simulated instant, for a sandbox ledger only
``HOLDFAST_MASTER_KEY``       the key that seals identifiers, base64; default: ``master.key`` in the home
``HOLDFAST_ACTOR``            the name recorded beside the operating-system user
``HOLDFAST_SMTP``             ``smtp://user@host:port`` or ``smtps://…`` for escalations by mail
``HOLDFAST_SMTP_PASSWORD``    its password
``HOLDFAST_MAIL_FROM``        the sender of such mail, and of requests by e-mail
``HOLDFAST_MAIL_CA``          certificates (PEM) to trust for mail servers instead of the usual ones
``HOLDFAST_MAIL_AUTHSERV``    the name our mail server signs its authentication results with
``HOLDFAST_IMAP``             ``imaps://user@host:port/INBOX``: where replies come in
``HOLDFAST_IMAP_PASSWORD``    its password
``HOLDFAST_SMIME_P12``        our S/MIME key with its certificate, PKCS #12
``HOLDFAST_SMIME_PASSWORD``   its password
``HOLDFAST_OFFICIAL_DOMAINS`` our official domains, for providers that answer no others
``HOLDFAST_SIGNING_P12``      the key with its certificate, PKCS #12, that signs letters (PAdES)
``HOLDFAST_SIGNING_PASSWORD`` its password
``HOLDFAST_HEADS``            the file in which signed heads leave the machine; default: ``heads.jsonl`` in the home
``HOLDFAST_TSA_URL``          a time-stamp authority (RFC 3161) for signed heads
``HOLDFAST_TSA_CA``           the certificates (PEM) at the end of its chain
``HOLDFAST_TSA_POLICY``       the policy (object identifier) its stamps must be under
``HOLDFAST_PACKETS``          where packets that are taken out go; default: ``packets`` in the home
``HOLDFAST_KEEP_RUNS``        days that Prefect keeps ended runs of people's forms; 400 if not set
``HOLDFAST_KEEP_SWEEPS``      days that it keeps those of sweeps; 14 if not set
``HOLDFAST_NOTIFY_…``         the addresses of the channels ``apprise:…`` of the ladder (`flows.notifying`)
``PREFECT_API_URL``           a Prefect server; without one the work runs directly
============================= ==============================================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

VARIABLES = (
    "HOLDFAST_HOME",
    "HOLDFAST_LEDGER",
    "HOLDFAST_CONFIG",
    "HOLDFAST_CLOCK",
    "HOLDFAST_MASTER_KEY",
    "HOLDFAST_ACTOR",
    "HOLDFAST_SMTP",
    "HOLDFAST_SMTP_PASSWORD",
    "HOLDFAST_MAIL_FROM",
    "HOLDFAST_MAIL_CA",
    "HOLDFAST_MAIL_AUTHSERV",
    "HOLDFAST_IMAP",
    "HOLDFAST_IMAP_PASSWORD",
    "HOLDFAST_SMIME_P12",
    "HOLDFAST_SMIME_PASSWORD",
    "HOLDFAST_OFFICIAL_DOMAINS",
    "HOLDFAST_SIGNING_P12",
    "HOLDFAST_SIGNING_PASSWORD",
    "HOLDFAST_HEADS",
    "HOLDFAST_TSA_URL",
    "HOLDFAST_TSA_CA",
    "HOLDFAST_TSA_POLICY",
    "HOLDFAST_PACKETS",
    "HOLDFAST_KEEP_RUNS",
    "HOLDFAST_KEEP_SWEEPS",
    "PREFECT_API_URL",
)


class SettingsError(Exception):
    """The environment asks for something that cannot be. The message says what to write instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The environment, read and checked. `environ` is kept for the secrets that adapters look up by name."""

    home: Path
    ledger: str
    config: Path | None
    simulated: datetime | None
    prefect_api: str
    actor: str
    environ: Mapping[str, str] = field(repr=False)  # it holds secrets
    user: str = ""  # of the operating system, who no variable can change

    @property
    def in_a_file(self) -> bool:
        """Whether the ledger is an SQLite file; else it is a PostgreSQL database."""
        return self.ledger.startswith("sqlite:///")

    @property
    def ledger_path(self) -> Path:
        """The SQLite file. Only where `in_a_file`."""
        return Path(self.ledger.removeprefix("sqlite:///"))

    @property
    def key_path(self) -> Path:
        """The master key's file."""
        return self.home / "master.key"

    @property
    def drop_path(self) -> Path:
        """The folder in which escalations are dropped as files."""
        return self.home / "escalations"

    @property
    def packets_path(self) -> Path:
        """The folder in which packets that a person takes out are written."""
        return Path(self.environ.get("HOLDFAST_PACKETS") or self.home / "packets")

    def now(self) -> datetime:
        """The time, in UTC: the simulated instant where one is set. The only clock in Holdfast."""
        return self.simulated or datetime.now(UTC)


_YEARS = range(1900, 3000)
"""Beyond these, days that are counted from an instant end where no calendar of Python's does."""


def read_instant(text: str, name: str) -> datetime:
    """An RFC 3339 instant with an offset, in UTC.

    Raises:
        SettingsError: it is not one; says what to write instead.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.year not in _YEARS:
            raise SettingsError(f"{name}: expected an instant in a year from 1900 to 2999, found {text!r}")
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise SettingsError(
            f"{name}: expected an instant with an offset such as 2027-01-20T09:00:00Z, found {text!r}"
        )
    return moment.astimezone(UTC)


def checked_ledger(address: str, name: str) -> str:
    """The address of a ledger.

    Raises:
        SettingsError: it is of no kind that there is; a password in it is not repeated.
    """
    if not address.startswith(("sqlite:///", "postgresql://")):
        found = f"{address.partition('://')[0]}://…" if "://" in address else "something else"
        raise SettingsError(f"{name}: expected sqlite:///PATH or postgresql://ROLE@HOST/DATABASE, found {found}")
    return address


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a value that cannot be used, with the variable's name.
    """
    environ = dict(os.environ if environ is None else environ)
    home = Path(environ["HOLDFAST_HOME"]) if environ.get("HOLDFAST_HOME") else _default_home()
    ledger = environ.get("HOLDFAST_LEDGER") or f"sqlite:///{home / 'ledger.sqlite'}"
    checked_ledger(ledger, "HOLDFAST_LEDGER")
    clock = environ.get("HOLDFAST_CLOCK")
    user = _user()
    named = environ.get("HOLDFAST_ACTOR", "")
    return Settings(
        home=home,
        ledger=ledger,
        config=Path(environ["HOLDFAST_CONFIG"]) if environ.get("HOLDFAST_CONFIG") else None,
        simulated=read_instant(clock, "HOLDFAST_CLOCK") if clock else None,
        prefect_api=environ.get("PREFECT_API_URL", "").rstrip("/"),
        actor=f"{user} ({named})" if named else user,
        environ=environ,
        user=user,
    )


def _default_home() -> Path:
    from platformdirs import user_data_path

    return Path(user_data_path("holdfast", appauthor=False))


def _user() -> str:
    """The user this process runs as, from the operating system: LOGNAME and USER could be set to anybody's."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else os.environ.get("USERNAME", "unknown")
