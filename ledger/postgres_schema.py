"""The tables of the PostgreSQL ledger, their guards, and what the application may do with them.

Everything lies in the schema `holdfast` of a database of its own, and belongs to the role `holdfast_owner`, as which
nobody logs in. The application is `holdfast_app`. It may add to the record and read it; triggers refuse any other
change of it to everybody, the lack of the right refuses it once more to the application.

A migration gives statements; its place in the list is its number. They run in one transaction under a lock, so
that of two processes that migrate at once, one waits and then finds the work done. What the tables must look
like is what the migrations make of an empty schema: `differences` makes them once more as temporary tables and
compares, so a guard that somebody dropped or disabled is missed, whatever the server's version.

Texts sort by code point (`COLLATE "C"`), and instants are texts, as in SQLite: one tree, one order.
"""

# ruff: noqa: S608 - only the schema's name is put into statements

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from psycopg import Connection

SCHEMA = "holdfast"
OWNER, APP = "holdfast_owner", "holdfast_app"
LOCK = 0x484F4C4446415354  # "HOLDFAST": taken by whoever adds events or migrates, until the transaction ends

GRANTS = {
    "migrations": "SELECT",
    "meta": "SELECT, INSERT",
    "events": "SELECT, INSERT",
    "heads": "SELECT, INSERT",
    "kept": "SELECT, INSERT",
    "sealed": "SELECT, INSERT",
    "case_keys": "SELECT, INSERT, DELETE",
    "unit_keys": "SELECT, INSERT, DELETE",
    "requests": "SELECT, INSERT, UPDATE",
    "items": "SELECT, INSERT, UPDATE, DELETE",
    "leases": "SELECT, INSERT, UPDATE",
    "beats": "SELECT, INSERT, UPDATE",
}
"""What the application may do with each table. Nobody else but the owner may do anything."""

MAINTAINED = ("case_keys", "unit_keys")
"""What the application may vacuum as well, from PostgreSQL 17 on: where an erased key must not stay."""

Migration = Callable[[str], Iterator[str]]
MIGRATIONS: list[Migration] = []


def migration(step: Migration) -> Migration:
    """Add a step to the list. Steps are only ever added, at the end. A step is given the schema's name."""
    MIGRATIONS.append(step)
    return step


@migration
def first_tables(schema: str) -> Iterator[str]:
    """The record with its tree, heads, the index of what is due, leases, the vault, kept bytes, signs of life."""
    text = 'text COLLATE "C" NOT NULL'
    yield f"CREATE TABLE {schema}.migrations (number integer PRIMARY KEY, name {text})"
    yield f"CREATE TABLE {schema}.meta (name {text} PRIMARY KEY, value {text})"
    yield f"""CREATE TABLE {schema}.events (
        seq bigint PRIMARY KEY,
        request {text},
        kind {text},
        at {text},
        recorded_at {text},
        actor {text},
        body {text},
        nodes bytea NOT NULL CHECK (length(nodes) >= 32 AND length(nodes) % 32 = 0)
    )"""
    yield f"CREATE INDEX events_by_request ON {schema}.events (request, seq)"
    yield f"""CREATE UNIQUE INDEX events_one_intent ON {schema}.events (
        request, (body::jsonb ->> 'action'), (body::jsonb ->> 'sequence'), coalesce(body::jsonb ->> 'attempt', '1')
    ) WHERE kind = 'intent'"""
    yield f"""CREATE TABLE {schema}.heads (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, events bigint NOT NULL, text {text}
    )"""
    # last_seq: the highest number an event of the request ever had, so a tail that was cut off is missed
    yield f"""CREATE TABLE {schema}.requests (
        request {text} PRIMARY KEY,
        case_ref {text},
        provider {text},
        instrument {text},
        state {text},
        final smallint NOT NULL CHECK (final IN (0, 1)),
        next_action {text},
        next_at text COLLATE "C",
        next_because {text},
        rank integer NOT NULL,
        strict_on {text},
        gap_days_p90 integer NOT NULL,
        level integer NOT NULL,
        last_seq bigint NOT NULL DEFAULT 0,
        CHECK (final = 1 OR next_at IS NOT NULL)
    ) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02)"""
    # Two ways to what is due: the earliest of all; and by urgency, when much is due at once.
    yield f"CREATE INDEX requests_by_time ON {schema}.requests (next_at, request) WHERE next_at IS NOT NULL"
    yield f"CREATE INDEX requests_by_rank ON {schema}.requests (rank, next_at, request) WHERE next_at IS NOT NULL"
    yield f"""CREATE TABLE {schema}.items (
        request {text},
        position integer NOT NULL,
        item {text},
        type {text},
        outcome {text},
        blind {text},
        PRIMARY KEY (request, position)
    )"""
    yield f"CREATE INDEX items_by_blind ON {schema}.items (blind) WHERE blind <> ''"
    yield f"""CREATE TABLE {schema}.leases (
        request {text} PRIMARY KEY, owner {text}, token bigint NOT NULL, until {text}
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)"""
    yield f"CREATE TABLE {schema}.kept (digest {text} PRIMARY KEY, content bytea NOT NULL)"
    yield f"CREATE TABLE {schema}.beats (name {text} PRIMARY KEY, at {text}, body {text}) WITH (fillfactor = 50)"
    yield f"""CREATE TABLE {schema}.case_keys (
        id {text} PRIMARY KEY, case_ref {text} UNIQUE, master {text}, wrapped bytea NOT NULL
    )"""
    yield f"CREATE TABLE {schema}.unit_keys (name {text} PRIMARY KEY, master {text}, wrapped bytea NOT NULL)"
    yield f"""CREATE TABLE {schema}.sealed (
        token {text} PRIMARY KEY, case_key {text}, case_ref {text}, purpose {text}, box bytea NOT NULL
    )"""
    yield f"""CREATE FUNCTION {schema}.never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% are never changed, deleted or emptied', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
        END $$"""
    for table in ("meta", "events", "heads", "kept", "sealed"):
        yield f"""CREATE TRIGGER {table}_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.{table}
            FOR EACH STATEMENT EXECUTE FUNCTION {schema}.never_changed()"""
    for table in ("case_keys", "unit_keys"):  # erased, but never changed
        yield f"""CREATE TRIGGER {table}_never_changed BEFORE UPDATE OR TRUNCATE ON {schema}.{table}
            FOR EACH STATEMENT EXECUTE FUNCTION {schema}.never_changed()"""
    yield f"""CREATE FUNCTION {schema}.next_only() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE lowest bigint; highest bigint; many bigint; before bigint;
        BEGIN
            SELECT min(seq), max(seq), count(*) INTO lowest, highest, many FROM added;
            SELECT coalesce(max(seq), 0) INTO before FROM {schema}.events WHERE seq < lowest;
            IF many > 0 AND (lowest <> before + 1 OR highest <> before + many
                OR EXISTS (SELECT 1 FROM {schema}.events WHERE seq > highest)) THEN
                RAISE EXCEPTION 'events are only ever added at the end'
                USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END $$"""
    yield f"""CREATE TRIGGER events_next_only AFTER INSERT ON {schema}.events REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION {schema}.next_only()"""


@migration
def matters(schema: str) -> Iterator[str]:
    """How many matters of a request need a person; the next sweep counts them. And cases by name."""
    yield f"ALTER TABLE {schema}.requests ADD COLUMN matters integer NOT NULL DEFAULT 0"
    yield f"CREATE INDEX requests_for_people ON {schema}.requests (next_at) WHERE matters > 0"
    yield f"CREATE INDEX requests_by_case ON {schema}.requests (case_ref)"


def grants(version: int) -> Iterator[str]:
    """The statements that give the application its rights, and nobody else any. `version` of the server: 170004."""
    yield f"REVOKE ALL ON SCHEMA {SCHEMA} FROM PUBLIC"
    yield f"GRANT USAGE ON SCHEMA {SCHEMA} TO {APP}"
    for table, rights in GRANTS.items():
        yield f"REVOKE ALL ON {SCHEMA}.{table} FROM PUBLIC, {APP}"
        yield f"GRANT {_rights(table, rights, version)} ON {SCHEMA}.{table} TO {APP}"
    for function in ("never_changed", "next_only"):
        yield f"REVOKE ALL ON FUNCTION {SCHEMA}.{function}() FROM PUBLIC"


def _rights(table: str, rights: str, version: int) -> str:
    return f"{rights}, MAINTAIN" if table in MAINTAINED and version >= 170000 else rights  # noqa: PLR2004


def run(connection: Connection[Any], *statements: str) -> None:
    """Run statements that are wholly our own."""
    for statement in statements:
        connection.execute(statement)


def version_of(connection: Connection[Any]) -> int:
    """The number of the last migration that was made; 0 where there is no ledger."""
    found = connection.execute("SELECT to_regclass('holdfast.migrations') IS NOT NULL").fetchone()
    if not found or not found[0]:
        return 0
    number = connection.execute("SELECT coalesce(max(number), 0) FROM holdfast.migrations").fetchone()
    return int(number[0]) if number else 0


def differences(connection: Connection[Any], migrations: Sequence[Migration] = MIGRATIONS) -> tuple[str, ...]:
    """In plain words, whatever is missing, altered, not ours or not allowed.

    Args:
        connection: in autocommit; it makes temporary tables and takes them back.
        migrations: what there should be.
    """
    wanted: dict[str, str] = {}
    with connection.transaction(force_rollback=True):
        for step in migrations:
            run(connection, *step("pg_temp"))
        wanted = _objects(connection, "pg_my_temp_schema()")
    found = _objects(connection, "to_regnamespace('holdfast')")
    return (
        *(f"the {name} is missing" for name in wanted if name not in found),
        *(f"the {name} was altered" for name in wanted if name in found and found[name] != wanted[name]),
        *(f"the {name} is not ours" for name in found if name not in wanted),
        *_wrong_rights(connection),
    )


_OBJECTS = """
WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = {namespace} AND relkind IN ('r', 'p', 'v', 'm', 'f'))
SELECT 'table ' || relname, concat_ws(' | ', relkind, relrowsecurity, relforcerowsecurity, reloptions::text, (
    SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
        (SELECT collname FROM pg_collation WHERE pg_collation.oid = attcollation),
        (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum)),
        ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = ours.oid AND attnum > 0 AND NOT attisdropped)) FROM ours
UNION ALL
SELECT 'index ' || i.relname, concat_ws(' | ', pg_get_indexdef(i.oid), indisvalid, indisready, indislive)
    FROM pg_index JOIN ours ON indrelid = ours.oid JOIN pg_class i ON i.oid = indexrelid
UNION ALL
SELECT 'constraint ' || conname || ' of ' || relname, pg_get_constraintdef(pg_constraint.oid) || convalidated
    FROM pg_constraint JOIN ours ON conrelid = ours.oid
UNION ALL
SELECT 'trigger ' || tgname, concat_ws(' | ', pg_get_triggerdef(pg_trigger.oid), tgenabled)
    FROM pg_trigger JOIN ours ON tgrelid = ours.oid WHERE NOT tgisinternal
UNION ALL
SELECT 'rule ' || rulename || ' of ' || relname, pg_get_ruledef(pg_rewrite.oid)
    FROM pg_rewrite JOIN ours ON ev_class = ours.oid
UNION ALL
SELECT 'policy ' || polname || ' of ' || relname, 'a policy' FROM pg_policy JOIN ours ON polrelid = ours.oid
UNION ALL
SELECT 'function ' || proname, concat_ws(' | ', prosrc, prosecdef, proconfig::text, provolatile,
    pg_get_function_result(oid)) FROM pg_proc WHERE pronamespace = {namespace}
"""
_QUALIFIED = re.compile(r"\b(?:pg_temp(?:_\d+)?|holdfast)\.")


def _objects(connection: Connection[Any], namespace: str) -> dict[str, str]:
    found = connection.execute(_OBJECTS.format(namespace=namespace))
    return {name: _QUALIFIED.sub("", text or "") for name, text in sorted(found.fetchall())}


_HAS = """
SELECT relname, grantee, string_agg(privilege_type, ', ' ORDER BY privilege_type) FROM (
    SELECT relname, CASE a.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(a.grantee) END AS grantee,
        a.privilege_type, relowner
    FROM pg_class, aclexplode(relacl) a
    WHERE relnamespace = to_regnamespace('holdfast') AND relkind = 'r' AND a.grantee <> relowner
    UNION ALL
    SELECT relname || '.' || attname, CASE a.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(a.grantee) END,
        a.privilege_type, relowner
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl) a
    WHERE relnamespace = to_regnamespace('holdfast') AND relkind = 'r' AND a.grantee <> relowner
) given GROUP BY relname, grantee
"""
_ROLES = """
SELECT relname || ' belongs to ' || pg_get_userbyid(relowner) FROM pg_class
    WHERE relnamespace = to_regnamespace('holdfast') AND relkind = 'r'
    AND pg_get_userbyid(relowner) <> 'holdfast_owner'
UNION ALL
SELECT 'the role holdfast_app is a superuser or may replicate, and so change everything' FROM pg_roles
    WHERE rolname = 'holdfast_app' AND (rolsuper OR rolreplication)
UNION ALL
SELECT 'the role holdfast_app is a member of ' || r.rolname || ', and so may change the record' FROM pg_roles r
    WHERE r.rolname IN ('holdfast_owner', 'pg_write_all_data')
    AND EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'holdfast_app' AND NOT rolsuper)
    AND pg_has_role('holdfast_app', r.oid, 'MEMBER')
UNION ALL
SELECT 'the table ' || relname || ' would be emptied by a crash (it is unlogged)' FROM pg_class
    WHERE relnamespace = to_regnamespace('holdfast') AND relkind = 'r' AND relpersistence <> 'p'
UNION ALL
SELECT 'somebody can log in as holdfast_owner' FROM pg_roles WHERE rolname = 'holdfast_owner' AND rolcanlogin
"""


def _wrong_rights(connection: Connection[Any]) -> Iterator[str]:
    found = {(table, who): _sorted(rights) for table, who, rights in connection.execute(_HAS).fetchall()}
    wanted = {(table, APP): _sorted(rights) for table, rights in GRANTS.items()}
    for table, who in sorted(wanted.keys() | found.keys()):
        has, should = found.get((table, who), "nothing"), wanted.get((table, who), "nothing")
        if has != should:
            yield f"the rights on {table} were altered: {who} has {has}, and should have {should}"
    for (what,) in connection.execute(_ROLES).fetchall():
        yield str(what)


def _sorted(rights: str) -> str:
    return ", ".join(sorted(set(rights.split(", ")) - {"MAINTAIN"})) or "nothing"  # it changes nothing
