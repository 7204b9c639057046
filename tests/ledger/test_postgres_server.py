"""What is particular to a ledger in PostgreSQL: roles and guards, a server that goes away, two who come at once."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import psycopg
import pytest
from ledger_contract import workers
from ledger_fold import MINUTE, NOW, fold, intent, item, note, registered
from postgres_server import APP_PASSWORD, PostgresServer, as_admin

from ledger import postgres_making, postgres_schema
from ledger.interface import Duplicate, Event, LedgerBusy, LedgerDamaged, LedgerError, LedgerUnusable, Project, Row
from ledger.postgres import PostgresLedger, PostgresStore
from ledger.postgres_connection import name_of
from ledger.postgres_statements import PostgresStatements
from ledger.vault import MasterKey, Vault

pytestmark = pytest.mark.xdist_group("on a clock")


@pytest.fixture
def address(postgres: PostgresServer) -> Iterator[str]:
    address = postgres.new_ledger()
    yield address
    postgres.take_back(address)


@pytest.fixture
def ledger(address: str) -> Iterator[PostgresLedger]:
    with closing(PostgresLedger.open(address)) as ledger:
        ledger.register("HF-A", [registered(items=[item("1")]), intent()], fold, now=NOW)
        ledger.keep(b"terms")
        yield ledger


def database_of(address: str) -> str:
    name: str = psycopg.conninfo.conninfo_to_dict(address)["dbname"]
    return name


def as_owner(server: PostgresServer, address: str) -> psycopg.Connection:
    """Somebody who may do everything, with all guards standing."""
    connection = psycopg.connect(server.admin(database_of(address)), autocommit=True)
    connection.execute("SET search_path = holdfast")
    return connection


CHANGES = [
    "UPDATE events SET actor = 'x'",
    "DELETE FROM events WHERE seq = 2",
    "TRUNCATE events",
    "INSERT INTO events SELECT * FROM events WHERE seq = 1 ON CONFLICT (seq) DO UPDATE SET actor = 'x'",
    "UPDATE kept SET content = ''",
    "DELETE FROM kept",
    "UPDATE meta SET value = 'no' WHERE name = 'sandbox'",
    "DELETE FROM meta",
    "TRUNCATE heads",
    "DELETE FROM sealed",
    "UPDATE case_keys SET wrapped = ''",
    "TRUNCATE case_keys",
]
ADDITIONS = [
    "INSERT INTO events SELECT 9, request, kind, at, recorded_at, actor, body, nodes FROM events WHERE seq = 1",
    "INSERT INTO events SELECT 0, request, kind, at, recorded_at, actor, body, nodes FROM events WHERE seq = 1",
    "INSERT INTO events SELECT 3, request, kind, at, recorded_at, actor, body, nodes FROM events WHERE seq = 2",
    "INSERT INTO events SELECT seq, request, kind, at, recorded_at, actor, body, nodes FROM events",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_the_application_has_no_right_to_change_the_record(
    ledger: PostgresLedger, address: str, statement: str
) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET search_path = holdfast")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize("statement", CHANGES)
def test_the_owner_is_kept_from_it_by_the_guards(
    postgres: PostgresServer,
    ledger: PostgresLedger,
    address: str,
    statement: str,
) -> None:
    with as_owner(postgres, address) as connection:
        connection.execute("SET ROLE holdfast_owner")
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never changed"):
            connection.execute(statement)
    assert ledger.verify(fold) == ()


@pytest.mark.parametrize("statement", ADDITIONS)
def test_events_are_only_added_at_the_end_and_an_intent_once(
    ledger: PostgresLedger, address: str, statement: str
) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET search_path = holdfast")
        with pytest.raises(psycopg.errors.IntegrityError):
            connection.execute(statement)
    assert ledger.head()[0] == 2


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DROP TRIGGER events_never_changed ON events", "the trigger events_never_changed is missing"),
        ("ALTER TABLE events DISABLE TRIGGER events_never_changed", "the trigger events_never_changed was altered"),
        ("DROP INDEX requests_by_rank", "the index requests_by_rank is missing"),
        (
            "ALTER TABLE requests DROP CONSTRAINT requests_check",
            "the constraint requests_check of requests is missing",
        ),
        ("CREATE TABLE aside (what text)", "the table aside is not ours"),
        ("ALTER TABLE events ADD COLUMN more text", "the table events was altered"),
        ("CREATE RULE quiet AS ON INSERT TO events DO INSTEAD NOTHING", "the rule quiet of events is not ours"),
        (
            "CREATE OR REPLACE FUNCTION never_changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "the function never_changed was altered",
        ),
        (
            "GRANT UPDATE ON events TO holdfast_app",
            "the rights on events were altered: holdfast_app has INSERT, SELECT,",
        ),
        ("GRANT UPDATE (body) ON events TO holdfast_app", "the rights on events.body were altered: holdfast_app has"),
        ("GRANT SELECT ON sealed TO PUBLIC", "the rights on sealed were altered: everybody has SELECT"),
        ("ALTER TABLE sealed OWNER TO postgres", "sealed belongs to postgres"),
        ("ALTER TABLE beats SET UNLOGGED", "the table beats would be emptied by a crash"),
    ],
)
def test_a_guard_or_right_that_was_altered_is_found(
    postgres: PostgresServer,
    statement: str,
    what: str,
) -> None:
    address = postgres.new_ledger()
    with closing(PostgresLedger.open(address)) as ledger:
        assert ledger.verify(fold) == ()
        with as_owner(postgres, address) as connection:
            connection.execute(statement)
        assert any(finding.what.startswith(what) for finding in ledger.verify(fold)), ledger.verify(fold)
    postgres.drop(address)


def test_an_operational_ledger_is_not_opened_by_who_may_change_it(postgres: PostgresServer) -> None:
    database = postgres.new_database()
    admin = postgres.admin(database)
    postgres_making.initialise(postgres.app(database), admin=admin, now=NOW)
    with pytest.raises(LedgerUnusable, match=r"this role may change what is recorded.*use the role holdfast_app"):
        PostgresLedger.open(admin)
    with closing(PostgresLedger.open(postgres.app(database))) as ledger:
        assert (ledger.sandbox, ledger.identity.created_at[:10]) == (False, "2026-11-21")
    postgres.drop(admin)


def test_a_ledger_is_made_by_opening_it_where_that_was_asked_for(postgres: PostgresServer) -> None:
    admin = postgres.admin(postgres.new_database())
    with closing(PostgresLedger.open(admin, create=True, sandbox=True)) as ledger:
        first = ledger.identity
    with closing(PostgresLedger.open(admin, create=True, sandbox=False)) as ledger:
        assert (ledger.identity, ledger.sandbox) == (first, True)
    postgres.drop(admin)


def test_what_init_makes_again_stays(postgres: PostgresServer, ledger: PostgresLedger, address: str) -> None:
    before = ledger.identity
    made = postgres_making.initialise(address, admin=postgres.admin(), sandbox=False)
    assert made.steps == ("its identity is there already, and stays",)
    assert made.address == f"postgresql://holdfast_app@127.0.0.1:{postgres.port}/{database_of(address)}"
    with closing(PostgresLedger.open(address)) as again:
        assert again.identity == before


def test_an_owner_who_is_no_superuser_can_make_a_ledger() -> None:
    server = PostgresServer()
    try:
        server.execute("CREATE ROLE unit LOGIN CREATEROLE CREATEDB PASSWORD 'hush'")
        admin, app = f"postgresql://unit:hush@127.0.0.1:{server.port}/postgres", server.app("unit_ledger")
        made = postgres_making.initialise(app, admin=admin, password=APP_PASSWORD)
        assert made.steps[:2] == ("made the role holdfast_owner", "made the role holdfast_app")
        assert postgres_making.initialise(app, admin=admin).steps == ("its identity is there already, and stays",)
        with closing(PostgresLedger.open(app)) as ledger:
            ledger.register("HF-A", [registered()], fold, now=NOW)
            assert ledger.verify(fold) == ()
        with pytest.raises(LedgerUnusable, match=r"may not do that: .*permission denied to create database"):
            postgres_making.initialise(server.app("another"), admin=app)
    finally:
        server.close()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("postgresql://app:hush@db.example.com/unit", "postgresql://app@db.example.com/unit"),
        (
            "postgresql://app:hush@a:1,b:2/unit?sslmode=verify-full",
            "postgresql://app@a:1,b:2/unit?sslmode=verify-full",
        ),
        ("postgresql:///unit?host=/run/postgresql&password=hush", "postgresql:///unit?host=/run/postgresql"),
        ("postgresql:///?service=holdfast", "postgresql:///?service=holdfast"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, name: str) -> None:
    assert name_of(address) == name


def test_two_who_initialise_at_once_make_one_ledger(postgres: PostgresServer) -> None:
    database = postgres.new_database()

    def make(_: int) -> str:
        postgres_making.initialise(postgres.app(database), admin=postgres.admin(), sandbox=True)
        with closing(PostgresLedger.open(postgres.app(database))) as ledger:
            return ledger.identity.ledger

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(make, range(4)))) == 1
    postgres.drop(postgres.app(database))


def test_an_older_ledger_asks_for_its_owner_and_a_newer_one_for_a_newer_program(
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def colour(schema: str) -> Iterator[str]:
        yield f"ALTER TABLE {schema}.requests ADD COLUMN colour text"

    address = postgres.new_ledger()
    newer = [*postgres_schema.MIGRATIONS, colour]
    older = f"its tables are version {len(newer) - 1}, this program needs {len(newer)}: .* with the owner"
    with monkeypatch.context() as patched:
        patched.setattr(postgres_schema, "MIGRATIONS", newer)
        with pytest.raises(LedgerUnusable, match=older):
            PostgresLedger.open(address)
    with pytest.raises(LedgerUnusable, match="this role may not do that: let `holdfast ledger init"):
        postgres_making.initialise(address, migrations=newer)
    made = postgres_making.initialise(address, admin=postgres.admin(), migrations=newer)
    assert made.steps[0] == f"brought its tables to version {len(newer)} (colour)"
    newer_than = f"its tables are version {len(newer)}, this program knows {len(newer) - 1}"
    with pytest.raises(LedgerUnusable, match=f"a newer version of holdfast .{newer_than}"):
        PostgresLedger.open(address)
    postgres.drop(address)


def test_a_right_that_is_missing_is_not_told_as_damage(
    postgres: PostgresServer, address: str, ledger: PostgresLedger
) -> None:
    with closing(as_owner(postgres, address)) as owner:
        owner.execute("REVOKE SELECT ON holdfast.events FROM holdfast_app")
        try:
            with pytest.raises(LedgerUnusable, match="this role may not do that") as refused:
                ledger.root_at(1)
        finally:
            owner.execute("GRANT SELECT ON holdfast.events TO holdfast_app")
    assert not isinstance(refused.value, LedgerDamaged)
    assert ledger.root_at(2)


def test_a_migration_that_loses_a_guard_is_undone(postgres: PostgresServer, address: str) -> None:
    def careless(schema: str) -> Iterator[str]:
        yield f"ALTER TABLE {schema}.requests ADD COLUMN colour text"
        if schema != "pg_temp":  # in the real tables only, not in the model
            yield f"DROP TRIGGER events_never_changed ON {schema}.events"

    with pytest.raises(LedgerUnusable, match=r"the trigger events_never_changed is missing.* nothing was changed"):
        postgres_making.initialise(
            address, admin=postgres.admin(), migrations=[*postgres_schema.MIGRATIONS, careless]
        )
    with closing(PostgresLedger.open(address)) as ledger:
        assert ledger.verify(fold) == ()


# ---- what cannot be opened


def refused(address: str, words: str, kind: type[LedgerError] = LedgerUnusable) -> None:
    with pytest.raises(kind, match=words) as caught:
        PostgresLedger.open(address, timeout=0.5)
    assert APP_PASSWORD not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_what_cannot_be_opened_is_told_without_the_password(postgres: PostgresServer) -> None:
    place = f"127.0.0.1:{postgres.port}"
    refused(f"postgresql://holdfast_app:hush@{place}/postgres", "the password is wrong: check it")
    refused(f"postgresql://nobody:hush@{place}/postgres", "the password is wrong|does not let this role in")
    refused(postgres.admin("nowhere"), "there is no such database: check the name, or make it with `holdfast ledger")
    refused(postgres.admin("postgres"), "there is no ledger in this database: make it with `holdfast ledger init")
    refused("postgresql://app:hush@127.0.0.1:1/x", "the server cannot be reached: try again", LedgerBusy)
    refused("postgresql://app:%zz-hush@host/x", "the address of the ledger cannot be read: expected postgresql://")


def test_a_ledger_that_waits_for_a_copy_says_so(postgres: PostgresServer) -> None:
    database = postgres.new_database()
    postgres_making.initialise(postgres.app(database), admin=postgres.admin(), for_copy=True)
    refused(postgres.app(database), "it is empty and has no identity: it waits for `holdfast ledger copy FROM TO`")
    postgres.drop(postgres.app(database))


def test_a_database_in_another_encoding_is_refused(postgres: PostgresServer) -> None:
    database = postgres.new_database()
    postgres.execute(f"CREATE DATABASE {database} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    refused(postgres.admin(database), "its encoding is LATIN1")
    with pytest.raises(LedgerUnusable, match="its encoding is not UTF8"):
        postgres_making.initialise(postgres.app(database), admin=postgres.admin())
    postgres.drop(postgres.admin(database))


def test_too_many_connections_are_a_reason_to_try_again(postgres: PostgresServer, address: str) -> None:
    postgres.execute(f"ALTER DATABASE {database_of(address)} CONNECTION LIMIT 1")
    with closing(PostgresLedger.open(address)):
        refused(address, "the server has too many connections: close some", LedgerBusy)
    postgres.execute(f"ALTER DATABASE {database_of(address)} CONNECTION LIMIT -1")


def test_a_server_that_was_made_read_only_is_told(
    postgres: PostgresServer, ledger: PostgresLedger, address: str
) -> None:
    postgres.execute(f"ALTER DATABASE {database_of(address)} SET default_transaction_read_only = on")
    try:
        with closing(PostgresLedger.open(address)) as again:
            with pytest.raises(LedgerUnusable, match="it is read-only, a standby or set so"):
                again.append("HF-A", [note()], fold, now=NOW)
            assert len(again.events("HF-A")) == 2
    finally:
        postgres.execute(f"ALTER DATABASE {database_of(address)} RESET default_transaction_read_only")


def test_commits_reach_the_disk_whatever_the_database_says(postgres: PostgresServer, address: str) -> None:
    postgres.execute(f"ALTER DATABASE {database_of(address)} SET synchronous_commit = off")
    try:
        with closing(PostgresLedger.open(address)) as ledger:
            here = ledger._store._connections.here().connection
            assert here.execute("SHOW synchronous_commit").fetchone() == ("on",)
    finally:
        postgres.execute(f"ALTER DATABASE {database_of(address)} RESET synchronous_commit")


# ---- others who write, threads, forks


def test_a_ledger_that_another_holds_is_busy_after_the_time_to_wait(
    postgres: PostgresServer,
    ledger: PostgresLedger,
    address: str,
) -> None:
    with closing(PostgresLedger.open(address, timeout=0.1)) as impatient, psycopg.connect(address) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (postgres_schema.LOCK,))
        with pytest.raises(LedgerBusy, match="others are writing to it for longer than we wait: try again; nothing"):
            impatient.append("HF-A", [note()], fold, now=NOW)
        assert len(impatient.due(NOW)) == 1, "who only reads, waits for nobody"
        assert len(impatient.claim(NOW, owner="a", until=NOW + MINUTE, limit=1)) == 1, "who claims, neither"
        other.rollback()
        assert impatient.append("HF-A", [note()], fold, now=NOW)[0].seq == 3


def test_a_closed_ledger_says_so(ledger: PostgresLedger) -> None:
    events = ledger.all_events()
    assert next(events).seq == 1
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="the ledger was closed: open it again"):
        ledger.events("HF-A")
    with pytest.raises(LedgerError):
        ledger.append("HF-A", [note()], fold, now=NOW)


def test_a_ledger_is_not_carried_over_a_fork(ledger: PostgresLedger) -> None:
    assert len(ledger.events("HF-A")) == 2
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ledger.row("HF-A")
        except LedgerUnusable as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert b"opened before this process forked: open it again here" in os.read(reader, 1000)
    os.close(reader)
    assert ledger.append("HF-A", [note()], fold, now=NOW)[0].seq == 3


def test_a_thread_that_ends_gives_its_connection_back(ledger: PostgresLedger) -> None:
    for _ in range(5):
        thread = threading.Thread(target=ledger.row, args=["HF-A"])
        thread.start()
        thread.join()
    assert len(list(ledger._store._connections._all)) <= 2


def test_an_erased_key_leaves_no_trace_in_the_tables_file(
    postgres: PostgresServer,
    ledger: PostgresLedger,
    address: str,
) -> None:
    vault = Vault(ledger, MasterKey(secret=b"k" * 32))
    vault.seal("CY-1", b"account", "identifiers")
    vault.seal("CY-2", b"account", "identifiers")
    key = ledger.case_key("CY-1")

    def stands_in_the_file() -> bool:
        with as_admin(postgres, address) as connection:
            connection.execute("CHECKPOINT")
            (path,) = connection.execute("SELECT pg_relation_filepath('case_keys')").fetchone()
        return key.wrapped in (postgres.folder / "data" / path).read_bytes()

    assert stands_in_the_file()
    vault.erase("CY-1")
    assert not stands_in_the_file()
    assert ledger.case_key("CY-2") is not None


@pytest.fixture
def small_disk(postgres: PostgresServer) -> Iterator[str]:
    """A tablespace on a disk of 24 MB; only some machines let a test have one."""
    folder = postgres.folder / "small"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=777", "holdfast-test", str(folder)],
        check=False,
        capture_output=True,
    )
    if not mounted or mounted.returncode:
        folder.rmdir()
        pytest.skip("this machine gives no small disk to a test")
    try:
        os.chown(folder, folder.parent.stat().st_uid, -1)
        postgres.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        yield "small"
        postgres.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_on_a_full_disk_nothing_is_half_written_and_it_goes_on_later(
    postgres: PostgresServer, small_disk: str
) -> None:
    database = postgres.new_database()
    postgres.execute(f"CREATE DATABASE {database} TEMPLATE template0 TABLESPACE {small_disk}")
    postgres_making.initialise(postgres.app(database), admin=postgres.admin(), sandbox=True)
    filler = postgres.folder / "small" / "filler"
    filler.write_bytes(b"\0" * (shutil.disk_usage(filler.parent).free - 1_000_000))
    written = [1]
    with closing(PostgresLedger.open(postgres.app(database))) as ledger:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        with pytest.raises(
            LedgerUnusable, match=r"the server's disk is full: free some space .*; nothing was written"
        ):
            append_for_ever(ledger, written)
        assert ledger.head()[0] == written[-1]
        filler.unlink()
        assert ledger.append("HF-A", [note()], fold, now=NOW)[0].seq == written[-1] + 1
        assert ledger.verify(fold) == ()
    postgres.drop(postgres.app(database))


def append_for_ever(ledger: PostgresLedger, written: list[int]) -> None:
    while True:
        written += [each.seq for each in ledger.append("HF-A", [note(os.urandom(3000).hex())] * 20, fold, now=NOW)]


# ---- a server that goes away


@pytest.fixture(scope="module")
def doomed() -> Iterator[PostgresServer]:
    """A server of its own, to be stopped."""
    server = PostgresServer()
    yield server
    server.close()


def test_a_server_restarted_in_the_middle_loses_nothing_and_doubles_nothing(doomed: PostgresServer) -> None:
    """What was reported as written is there once; what was reported as not written is not there."""
    address = doomed.new_ledger()
    done: list[str] = []
    refused_ones: list[str] = []
    unknown: list[str] = []
    stop = threading.Event()
    with closing(PostgresLedger.open(address)) as ledger:
        for name in "ABCD":
            ledger.register(f"HF-{name}", [registered()], fold, now=NOW)

        def write(name: str) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                text = f"{name} {number}"
                try:
                    ledger.append(f"HF-{name}", [note(text)], fold, now=NOW)
                    done.append(text)
                except LedgerBusy as error:
                    (unknown if "not known" in str(error) else refused_ones).append(text)

        with ThreadPoolExecutor(4) as threads:
            futures = [threads.submit(write, name) for name in "ABCD"]
            for number in range(12):
                time.sleep(0.25)
                doomed.restart(at_once=number % 2 == 0)
                if number >= 2 and refused_ones:  # whoever waits long enough is not refused
                    break
            time.sleep(0.25)
            stop.set()
            for future in futures:
                future.result(30)
        there = [event.body["text"] for event in ledger.all_events() if event.kind == "note"]
        assert len(there) == len(set(there))
        assert set(done) <= set(there)
        assert not set(refused_ones) & set(there)
        assert set(there) <= {*done, *unknown}
        assert refused_ones, "the server was away while somebody wrote"
        assert len(done) > 20
        assert ledger.verify(fold) == ()


def test_a_commit_that_nobody_confirmed_is_looked_up(ledger: PostgresLedger) -> None:
    """The connection breaks once the commit was sent: what the server has counts."""
    store = ledger._store

    def append(text: str, ended: str) -> None:
        cut = cutting_fold(store, ended)
        ledger.append("HF-A", [note(text)], cut, now=NOW)

    append("done", "COMMIT")
    with pytest.raises(LedgerBusy, match="the server cannot be reached: try again; nothing was written"):
        append("undone", "ROLLBACK")
    assert [event.body["text"] for event in ledger.events("HF-A") if event.kind == "note"] == ["done"]

    def note_a_fact() -> None:
        with store.recording() as say:
            say.put_meta("chain", "noted")
            cut_at_the_end(store._connections.here().connection, say, "COMMIT")

    with pytest.raises(LedgerBusy, match="it is not known whether"):
        note_a_fact()
    assert ledger.append("HF-A", [note()], fold, now=NOW)[0].seq == 4
    assert ledger.verify(fold) == ()


def cutting_fold(store: PostgresStore, ended: str) -> Project:
    def cutting(events: Sequence[Event]) -> Row:
        held = store._connections.here()
        cut_at_the_end(held.connection, held.inside, ended)
        return fold(events)

    return cutting


def cut_at_the_end(connection: psycopg.Connection, say: PostgresStatements, ended: str) -> None:
    """Have the server end the transaction like this, and the connection break before it is told."""
    run = say.run

    def broken(statement: str, values: tuple[object, ...] = ()) -> psycopg.Cursor:
        assert statement == "COMMIT"
        run(ended, values)
        connection.close()
        raise psycopg.OperationalError("the connection is closed")

    say.run = broken


def test_a_killed_connection_is_replaced(postgres: PostgresServer, ledger: PostgresLedger, address: str) -> None:
    for _ in range(3):
        with as_admin(postgres, address) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'holdfast_app' "
                "AND datname = current_database()"
            )
        time.sleep(0.02)
        ledger.append("HF-A", [note()], fold, now=NOW)
        assert len(ledger.claim(NOW, owner="a", until=NOW + MINUTE, limit=1, request="HF-A")) in (0, 1)
    assert len(ledger.events("HF-A")) == 5


def test_a_server_that_stays_away_is_told(doomed: PostgresServer) -> None:
    with closing(PostgresLedger.open(doomed.new_ledger(), timeout=0.2)) as ledger:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        doomed.stop()
        with pytest.raises(LedgerBusy, match="the server cannot be reached: try again; nothing was written"):
            ledger.append("HF-A", [note()], fold, now=NOW)
        doomed.start()
        assert ledger.append("HF-A", [note()], fold, now=NOW)[0].seq == 2


def test_a_process_that_stands_still_with_the_lock_is_put_out(
    postgres: PostgresServer,
    ledger: PostgresLedger,
    address: str,
) -> None:
    def slow(events):
        time.sleep(0.6)
        return fold(events)

    with closing(PostgresLedger.open(address)) as paused:
        paused.row("HF-A")
        here = paused._store._connections.here().connection
        here.execute("SET idle_in_transaction_session_timeout = '200ms'")
        with ThreadPoolExecutor(1) as threads:
            stuck = threads.submit(ledger.append, "HF-A", [note("other")], fold, now=NOW)
            with pytest.raises(LedgerBusy, match="nothing was written"):
                paused.append("HF-A", [note("paused")], slow, now=NOW)
            stuck.result(10)
        assert paused.append("HF-A", [note("awake")], fold, now=NOW)
    assert [event.body["text"] for event in ledger.events("HF-A") if event.kind == "note"] == ["other", "awake"]


def test_two_processes_claim_and_append_side_by_side(ledger: PostgresLedger, address: str) -> None:
    names = [f"HF-{number:02}" for number in range(40)]
    for name in names:
        ledger.register(name, [registered()], fold, now=NOW)
    works = [("claim", "one"), ("claim", "two"), ("append", "HF-00", "40"), ("intend", "HF-01", "20")]
    with workers(address, *works) as (one, two, writer, intender):
        claimed = [line.split()[0] for worker in (one, two) for line in worker.lines()]
        assert sorted(claimed) == ["HF-00", *names[1:], "HF-A"] or sorted(claimed) == sorted([*names, "HF-A"])
        assert len(writer.lines()) == 40
        assert len(intender.lines()) == 20
    with suppress(Duplicate):
        ledger.append("HF-01", [intent("send", 3)], fold, now=NOW)
    assert ledger.verify(fold) == ()


# ---- size


def test_what_is_due_is_found_by_an_index_whatever_the_number_asleep(postgres: PostgresServer) -> None:
    from ledger import postgres_queries as queries

    address = postgres.new_ledger()
    asleep = """INSERT INTO requests SELECT 'HF-' || n, 'CY-1', 'example', 'us', 'in-force', 0, 'extend',
        CASE WHEN n <= 3000 THEN '2026-11-21T08:00:00.000000Z' ELSE '2027-01-01T00:00:00.000000Z' END,
        'asleep', n % 30, '2027-02-18', 0, 0, 0 FROM generate_series(1, 100000) n"""
    leased = "INSERT INTO leases SELECT request, '', 1, '' FROM requests"
    bound = {
        "now": "2026-11-21T08:00:00.000000Z",
        "until": "2026-11-21T08:01:00.000000Z",
        "latest": "2026-11-21T08:06:00.000000Z",
        "owner": "a",
        "spare": [],
        "limit": 50,
        "request": "HF-77",
    }
    with as_admin(postgres, address) as connection:
        connection.execute(asleep)
        connection.execute(leased)
    with closing(PostgresLedger.open(address)) as ledger:
        here = ledger._store._connections.here().connection
        for analysed in (False, True):
            if analysed:
                with as_admin(postgres, address) as connection:
                    connection.execute("ANALYZE")
            for statement in (queries.DUE, queries.CLAIM, queries.CLAIM_ONE):
                with here.transaction(force_rollback=True):
                    plan = "\n".join(
                        line for (line,) in here.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", bound)
                    )
                assert "Seq Scan" not in plan, plan
                touched = int(plan.partition("shared hit=")[2].split()[0].rstrip(",").partition(" ")[0])
                assert touched < 5000, plan
        assert len(ledger.claim(NOW, owner="a", until=NOW + MINUTE, limit=50)) == 50
    postgres.drop(address)
