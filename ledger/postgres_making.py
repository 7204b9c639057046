"""How a PostgreSQL ledger comes into being: roles, database, schema and rights; and how an older one becomes newer.

Done by somebody who may make roles and databases (a superuser, or an owner with CREATEROLE and CREATEDB), once, and
again after each upgrade of Holdfast. What is there already is left as it is; two who do it at once do no harm.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger import postgres_schema
from ledger.canonical import in_utc, instant
from ledger.interface import LedgerUnusable
from ledger.postgres_connection import code_of, in_words, name_of
from ledger.postgres_schema import APP, LOCK, MIGRATIONS, OWNER, SCHEMA, Migration, run

_THERE = (psycopg.errors.DuplicateObject, psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What was done, in words for a person, and the address for HOLDFAST_LEDGER, without a password."""

    steps: tuple[str, ...]
    address: str


def initialise(
    address: str,
    *,
    admin: str = "",
    password: str | None = None,
    sandbox: bool = False,
    for_copy: bool = False,
    now: datetime | None = None,
    migrations: Sequence[Migration] = MIGRATIONS,
) -> Made:
    """Make whatever is missing: both roles, the database, schema, tables, rights, and the ledger's identity.

    Args:
        address: where the ledger is to be, as HOLDFAST_LEDGER will say; only host and database count.
        admin: the address of somebody who may do it; "" for `address` itself.
        password: the application role's new password; None leaves it.
        sandbox: what a new ledger says for ever.
        for_copy: give it no identity yet: `ledger.copying` brings one.
        now: when it was made, if that is to be noted.
        migrations: the tables' versions.

    Raises:
        LedgerUnusable: no right, another encoding, altered tables, a newer version; says what to do.
        LedgerBusy: the server cannot be reached now.
    """
    name = name_of(address)
    target = dict(conninfo_to_dict(address))
    if not target.get("dbname"):
        raise LedgerUnusable(f"{name}: it names no database: expected postgresql://ROLE@HOST/DATABASE")
    if admin:
        name_of(admin)  # or it says what an address looks like
    by = dict(conninfo_to_dict(admin or address)) | {"dbname": target["dbname"]}
    steps: list[str] = []
    try:
        steps += _make_roles(by, password)
        steps += _make_database(by)
        with _connected(by) as connection:
            steps += _make_tables(connection, name, migrations)
            steps += _give_identity(connection, sandbox=sandbox, for_copy=for_copy, now=now)
    except psycopg.Error as error:
        raise in_words(name, error) from None
    parts: dict[str, Any] = {key: value for key, value in target.items() if key not in ("password", "user")}
    return Made(steps=tuple(steps), address=name_of(make_conninfo("", **parts, user=APP)))


@contextmanager
def _connected(parts: dict[str, Any]) -> Iterator[Connection[Any]]:
    settings: dict[str, Any] = {
        "connect_timeout": 10,
        "client_encoding": "utf8",
        "application_name": "holdfast init",
    } | parts
    with psycopg.connect(make_conninfo("", **settings), autocommit=True) as connection:
        connection.execute("SELECT set_config('search_path', 'holdfast, pg_temp', false)")
        connection.execute("SELECT set_config('lock_timeout', '60s', false)")
        yield connection


@contextmanager
def _on_the_server(parts: dict[str, Any]) -> Iterator[Connection[Any]]:
    """A connection to any database there is: that of the address if it is there."""
    first: psycopg.OperationalError | None = None
    for database in (parts["dbname"], "postgres", "template1"):
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(_connected(parts | {"dbname": database}))
            except psycopg.OperationalError as error:
                first = first or error
                if code_of(error).startswith(("28", "5")):  # no right, or not now: another database is no help
                    break
                continue
            yield connection
            return
    raise first or psycopg.OperationalError


def _make_roles(parts: dict[str, Any], password: str | None) -> Iterator[str]:
    with _on_the_server(parts) as connection:
        for role, login in ((OWNER, "NOLOGIN"), (APP, "LOGIN")):
            there = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            if not there:
                with suppress(*_THERE):  # another was faster
                    run(connection, f"CREATE ROLE {role} {login} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION")
                    yield f"made the role {role}"
        if password is not None:
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(APP), sql.Literal(password))
            )
            yield f"set the password of {APP}"
        if connection.info.parameter_status("is_superuser") != "on":
            with suppress(psycopg.errors.InsufficientPrivilege):  # then it is a member already, or is told soon
                run(connection, f"GRANT {OWNER} TO CURRENT_USER")


def _make_database(parts: dict[str, Any]) -> Iterator[str]:
    database = parts["dbname"]
    with _on_the_server(parts) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
            with suppress(*_THERE):
                connection.execute(
                    sql.SQL(
                        "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
                    ).format(sql.Identifier(database), sql.Identifier(OWNER))
                )
                yield f"made the database {database}"


def _make_tables(connection: Connection[Any], name: str, migrations: Sequence[Migration]) -> Iterator[str]:
    encoding = connection.execute("SELECT current_setting('server_encoding')").fetchone()
    if encoding != ("UTF8",):
        raise LedgerUnusable(f"{name}: its encoding is not UTF8, so it cannot hold every text: use another database")
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        there = connection.execute("SELECT to_regnamespace(%s)", (SCHEMA,)).fetchone()
        if there == (None,):
            run(connection, f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {OWNER}")
            yield f"made the schema {SCHEMA}"
        run(connection, f"SET LOCAL ROLE {OWNER}")
        done = postgres_schema.version_of(connection)
        if done > len(migrations):
            raise LedgerUnusable(
                f"{name}: was written by a newer version of holdfast (its tables are version {done}, this program "
                f"knows {len(migrations)}): use that version or a newer one; nothing was changed"
            )
        for number, step in enumerate(migrations[done:], start=done + 1):
            run(connection, *step(SCHEMA))
            connection.execute("INSERT INTO migrations VALUES (%s, %s)", (number, step.__name__))
            yield f"brought its tables to version {number} ({step.__name__.replace('_', ' ')})"
        run(connection, *postgres_schema.grants(connection.info.server_version))
        run(connection, "RESET ROLE")
        yield from _close_database(connection)
        if found := postgres_schema.differences(connection, migrations):
            raise LedgerUnusable(
                f"{name}: cannot be brought up to date, its tables are not as we made them: {'; '.join(found)}. "
                "Keep a copy as it is, and restore a backup; nothing was changed"
            )


def _close_database(connection: Connection[Any]) -> Iterator[str]:
    """Let nobody else into the database, where it is ours to say so."""
    database = sql.Identifier(connection.info.dbname)
    try:
        with connection.transaction():
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
            connection.execute(
                sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}, {}").format(
                    database, sql.Identifier(APP), sql.Identifier(OWNER)
                )
            )
    except psycopg.errors.InsufficientPrivilege:
        yield "others may connect to the database too: it is not ours to refuse that (they cannot read the ledger)"


def _give_identity(
    connection: Connection[Any], *, sandbox: bool, for_copy: bool, now: datetime | None
) -> Iterator[str]:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if connection.execute("SELECT 1 FROM meta LIMIT 1").fetchone():
            yield "its identity is there already, and stays"
            return
        if for_copy:
            yield "it waits for `holdfast ledger copy`, which brings its identity"
            return
        facts = {
            "ledger": secrets.token_hex(16),
            "sandbox": "yes" if sandbox else "no",
            "created_at": "" if now is None else instant(in_utc(now, "now")),
        }
        for fact in facts.items():
            connection.execute("INSERT INTO meta VALUES (%s, %s)", fact)
        yield f"made a new {'sandbox' if sandbox else 'operational'} ledger"
