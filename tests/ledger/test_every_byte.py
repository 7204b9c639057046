"""Whatever byte of a ledger is changed: it is refused at opening, found, or it meant nothing.

What means nothing is shown by reading every table whole: all rows are what they were. Leases and signs of life are no
evidence; they come and go, and nothing proves them. Nor does which master key a ledger was first used with, once the
key was changed: from then on the wrapped keys say which one it is.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from ledger_fold import MINUTE, NOW, fold, intent, item, moved, note, registered

from ledger import tree, verify
from ledger.canonical import Identity
from ledger.heads import HeadError, check, public_key, read_line, sign, signing_key
from ledger.interface import LedgerError, NewEvent
from ledger.records import Record
from ledger.sqlite import SqliteLedger
from ledger.statements import SqliteStatements
from ledger.vault import MasterKey, Vault

MASTER = MasterKey(secret=bytes(range(32)))
NO_EVIDENCE = {"leases", "beats"}
HEADER = 100  # bytes of the file's own header

Dump = dict[str, list[tuple[object, ...]]]


def lived(path: Path, requests: int = 4, notes: int = 2) -> None:
    """A ledger with something in every table, in one file."""
    with closing(SqliteLedger.open(path, create=True, sandbox=True, now=NOW)) as ledger:
        vault = Vault(ledger, MASTER)
        for number in range(requests):
            case = f"CY-2026-{number % 3:04}"
            items = [item("1", blind=vault.blind("email", f"{number}@example.com")), item("2")]
            sealed = vault.prepare(case, b"the account", "identifiers")
            first = registered(case=case, items=items)
            names = NewEvent(kind="note", at=NOW, actor="Duty officer", body={"sealed": sealed.token})
            ledger.register_all({f"HF-{number}": [first, intent(), names]}, fold, now=NOW, seals=[sealed])
            ledger.append(f"HF-{number}", [note(f"call {call}") for call in range(notes)], fold, now=NOW)
        ledger.append("HF-0", [moved(state="released", final=True, next_at=None)], fold, now=NOW + MINUTE)
        ledger.keep(b"terms")
        vault.rotate(MasterKey(secret=bytes(range(1, 33))))  # the unit's keys have rows only from then on
        vault.rotate(MASTER)
        events, root = ledger.head()
        head = sign(ledger.identity, events=events, root=root, at=NOW, key=signing_key(vault))
        ledger.add_head(events, head.text())
        ledger.claim(NOW, owner="worker", until=NOW + MINUTE, limit=1)
        ledger.beat("sweep", NOW, {"requests": 1})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def dump(path: Path) -> Dump:
    """Every row of every table, as bytes are stored."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        found = {
            name.decode(): sorted(connection.execute(f"SELECT * FROM {name.decode()}"), key=repr)  # noqa: S608
            for (name,) in tables
        }
        schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
        found["meta"] = [row for row in found["meta"] if row[0] != b"master"]
        return {"": schema, **found}


def told(path: Path) -> str:
    """What is said of a file when it is opened and verified as `holdfast verify` does; "" if nothing is."""
    try:
        with closing(SqliteLedger.open(path)) as ledger:
            if findings := ledger.verify(fold):
                return findings[0].what
            vault = Vault(ledger, MASTER)
            key = public_key(signing_key(vault))
            for text in ledger.heads():
                line = read_line(text)
                check(line, key=key, ledger=ledger.identity.ledger)
                if ledger.root_at(line.events) != line.root:
                    return "a signed head does not fit"
            return next(iter(vault.wrong()), "")
    except (LedgerError, HeadError) as error:
        return str(error)


class Changed:
    """A file of which single bytes are changed, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        lived(self.path)
        self.content = self.path.read_bytes()
        self.dump = dump(self.path)
        self.count = dict.fromkeys(("refused or found", "no evidence", "meant nothing"), 0)

    def put(self, content: bytes) -> None:
        """Put the file there, without what a reader before left beside it."""
        for suffix in ("-wal", "-shm", "-journal"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        self.path.write_bytes(content)

    def at(self, position: int, change: int) -> None:
        """Change one byte, and see that it is told or meant nothing."""
        content = bytearray(self.content)
        content[position] ^= change
        self.put(bytes(content))
        if told(self.path):
            self.count["refused or found"] += 1
            return
        now = dump(self.path)
        differ = {table for table in now.keys() | self.dump.keys() if now.get(table) != self.dump.get(table)}
        assert differ <= NO_EVIDENCE, f"byte {position} of the file, changed by {change:#x}, is not found: {differ}"
        self.count["no evidence" if differ else "meant nothing"] += 1


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Changed:
    return Changed(tmp_path_factory.mktemp("bytes"))


def drawn(content: bytes, rng: random.Random, *, used: int, anywhere: int) -> Iterator[tuple[int, int]]:
    """Positions and changes: the whole header, and others where something stands, and others anywhere."""
    standing = [place for place, byte in enumerate(content) if byte and place >= HEADER]
    places = [*range(HEADER), *rng.sample(standing, used), *(rng.randrange(len(content)) for _ in range(anywhere))]
    return ((place, rng.randrange(1, 256)) for place in places)


def test_the_unchanged_file_fits(changed: Changed) -> None:
    changed.put(changed.content)
    assert told(changed.path) == ""
    assert all(changed.dump.values()), "every table has something in it"


def test_a_changed_byte_of_the_file_is_found_or_meant_nothing(changed: Changed) -> None:
    for position, change in drawn(changed.content, random.Random(20261121), used=250, anywhere=50):
        changed.at(position, change)
    assert changed.count["refused or found"] > 200
    assert changed.count["meant nothing"] > 0


def test_a_file_that_ends_at_any_page_is_refused_or_found(changed: Changed) -> None:
    size = int.from_bytes(changed.content[16:18], "big")
    pages = len(changed.content) // size
    assert pages * size == len(changed.content)
    for kept in range(pages):
        changed.put(changed.content[: kept * size])
        assert told(changed.path), f"{kept} of {pages} pages are left, and nothing is told"


def test_with_another_master_key_nothing_is_opened(changed: Changed) -> None:
    changed.put(changed.content)
    with closing(SqliteLedger.open(changed.path)) as ledger:
        for position in range(32):
            secret = bytearray(MASTER.secret)
            secret[position] ^= 1 << position % 8
            with pytest.raises(LedgerError, match="master key"):
                Vault(ledger, MasterKey(secret=bytes(secret)))


@pytest.mark.parametrize("name", ["blind", "heads"])
def test_a_key_of_the_unit_that_is_missing_is_not_replaced_by_another(changed: Changed, name: str) -> None:
    """Once the master key was changed, what follows from it alone would find no account, and sign otherwise."""
    changed.put(changed.content)
    with closing(sqlite3.connect(changed.path)) as connection:
        connection.execute("UPDATE unit_keys SET name = 'other' WHERE name = ?", (name,))
        connection.commit()
    assert f"the key for {name} is missing" in told(changed.path)


# ---- the record, byte by byte

COLUMNS = ("request", "kind", "at", "recorded_at", "actor", "body", "nodes")


@pytest.fixture
def open_record(tmp_path: Path) -> Iterator[tuple[sqlite3.Connection, Identity]]:
    """A small ledger past all guards, in a transaction that is never committed."""
    path = tmp_path / "ledger.db"
    lived(path, requests=2, notes=1)
    with closing(SqliteLedger.open(path)) as ledger:
        identity = ledger.identity
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DROP INDEX events_one_intent")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection, identity


def first_finding(connection: sqlite3.Connection, identity: Identity) -> verify.Finding | None:
    say = SqliteStatements(connection)
    found = verify.check_tree(say.stored(), first=tree.leaf(identity.content()), highest=say.highest_seq())
    return next(iter(found), None)


def test_every_byte_of_every_column_of_every_event_counts(open_record: tuple[sqlite3.Connection, Identity]) -> None:
    connection, identity = open_record
    rng, count = random.Random(20261121), 0
    assert first_finding(connection, identity) is None
    for (seq,) in connection.execute("SELECT seq FROM events ORDER BY seq").fetchall():
        for column in COLUMNS:
            ask = f"SELECT CAST({column} AS BLOB) FROM events WHERE seq = ?"  # noqa: S608
            (content,) = connection.execute(ask, (seq,)).fetchone()
            kind = "BLOB" if column == "nodes" else "TEXT"
            change = f"UPDATE events SET {column} = CAST(? AS {kind}) WHERE seq = ?"  # noqa: S608
            for position in range(len(content)):
                altered = bytearray(content)
                altered[position] ^= rng.randrange(1, 256)
                connection.execute("BEGIN")
                connection.execute(change, (bytes(altered), seq))
                found = first_finding(connection, identity)
                connection.execute("ROLLBACK")
                assert found is not None, f"byte {position} of {column} of event {seq}"
                assert found.seq == seq, f"byte {position} of {column} of event {seq}: {found}"
                count += 1
    assert count > 2000


def test_every_bit_of_every_number_counts(open_record: tuple[sqlite3.Connection, Identity]) -> None:
    connection, identity = open_record
    numbers = {seq for (seq,) in connection.execute("SELECT seq FROM events")}
    for seq in numbers:
        for other in {seq ^ (1 << bit) for bit in range(63)} - numbers:  # no two may have the same
            connection.execute("BEGIN")
            connection.execute("UPDATE events SET seq = ? WHERE seq = ?", (other, seq))
            found = first_finding(connection, identity)
            connection.execute("ROLLBACK")
            assert found is not None
            assert found.seq == min(seq, other)


def test_nodes_that_were_swapped_cut_or_lengthened_are_found_where_they_stand(
    open_record: tuple[sqlite3.Connection, Identity],
) -> None:
    connection, identity = open_record
    nodes = dict(connection.execute("SELECT seq, nodes FROM events").fetchall())
    many = max(nodes)

    def with_nodes(changes: dict[int, bytes]) -> int | None:
        connection.execute("BEGIN")
        connection.executemany("UPDATE events SET nodes = ? WHERE seq = ?", [(v, k) for k, v in changes.items()])
        found = first_finding(connection, identity)
        connection.execute("ROLLBACK")
        return None if found is None else found.seq

    for one in range(1, many + 1):
        for other in range(one + 1, many + 1):
            assert with_nodes({one: nodes[other], other: nodes[one]}) == one
        for altered in (
            b"",
            nodes[one][:-1],
            nodes[one][:-32],
            nodes[one] + bytes(1),
            nodes[one] + bytes(32),
            nodes[one] + nodes[one][-32:],
            nodes[one][32:] + nodes[one][:32],
        ):
            if altered != nodes[one]:
                assert with_nodes({one: altered}) == one, f"event {one} with {len(altered)} bytes of nodes"


def rewritten(records: Sequence[Record], first: bytes, at: int) -> list[bytes]:
    """The nodes of these records, as somebody computes them anew who changed one of them."""
    peaks, nodes = [first], []
    for place, entry in enumerate(records, start=1):
        hashed = tree.leaf(entry.content())
        nodes.append(tree.add(peaks, place, hashed))
    assert at <= len(nodes)
    return nodes


def test_whoever_changes_an_event_must_write_every_node_above_it_anew(
    open_record: tuple[sqlite3.Connection, Identity],
) -> None:
    """With its own nodes made to fit, the change shows at the first event whose nodes were left as they were."""
    connection, identity = open_record
    first = tree.leaf(identity.content())
    whole = [(entry, nodes) for entry, nodes in SqliteStatements(connection).stored()]
    for place, (entry, _) in enumerate(whole, start=1):
        changed_one = Record(**{name: getattr(entry, name) for name in entry._fields} | {"actor": "Somebody"})
        records = [changed_one if each.seq == place else each for each, _ in whole]
        anew = rewritten(records, first, place)
        above = [seq for seq, (_, nodes) in enumerate(whole, start=1) if seq > place and nodes != anew[seq - 1]]
        for left in above:  # all but this one are written anew
            nodes = [whole[seq - 1][1] if seq == left else each for seq, each in enumerate(anew, start=1)]
            found = list(verify.check_tree(zip(records, nodes, strict=True), first=first, highest=len(whole)))
            assert found, f"event {place} was changed, event {left} has its old nodes"
            assert found[0].seq == left
        found = list(verify.check_tree(zip(records, anew, strict=True), first=first, highest=len(whole)))
        assert not found, "all of it written anew fits itself: for that there are signed heads elsewhere"
        assert tree.root(_peaks(records, first)) != tree.root(_peaks([each for each, _ in whole], first))


def _peaks(records: Sequence[Record], first: bytes) -> list[bytes]:
    peaks = [first]
    for place, entry in enumerate(records, start=1):
        tree.add(peaks, place, tree.leaf(entry.content()))
    return peaks


def test_events_deleted_at_the_end_with_every_trace_are_found_by_a_signed_head(changed: Changed) -> None:
    """The counter of numbers and the index made to fit: only the head says that there was more."""
    changed.put(changed.content)
    with closing(sqlite3.connect(changed.path)) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'events_never_deleted'").fetchone()
        (last,) = connection.execute("SELECT max(seq) FROM events").fetchone()
        connection.execute("DROP TRIGGER events_never_deleted")
        connection.execute("DELETE FROM events WHERE seq = ?", (last,))
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (last - 1,))
        connection.execute(sql)
        connection.commit()
    with closing(SqliteLedger.open(changed.path)) as ledger:
        ledger.reindex(["HF-0", "HF-3"], fold)
        assert ledger.verify(fold) == ()
    assert "there is no place" in told(changed.path)


# ---- the same with ten thousand events

LARGE = 10_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Changed:
    class Large(Changed):
        def __init__(self, folder: Path) -> None:
            self.path = folder / "ledger.db"
            lived(self.path, requests=100, notes=LARGE // 100 - 3)
            self.content, self.dump = self.path.read_bytes(), dump(self.path)
            self.count = dict.fromkeys(("refused or found", "no evidence", "meant nothing"), 0)

    return Large(tmp_path_factory.mktemp("large"))


@pytest.mark.soak
def test_a_changed_byte_in_ten_thousand_events_is_found_or_meant_nothing(large: Changed) -> None:
    assert len(large.dump["events"]) > LARGE
    for position, change in drawn(large.content, random.Random(20261122), used=2000, anywhere=500):
        large.at(position, change)
    assert large.count["refused or found"] > 1800


def contents(ledger: SqliteLedger) -> Iterator[tuple[Record, bytes]]:
    with ledger._store.streaming() as say:
        yield from say.stored()


@pytest.mark.soak
def test_every_byte_of_every_one_of_ten_thousand_events_counts(large: Changed) -> None:
    """Each event is changed at each of its bytes, behind those that stand before it, and named."""
    large.put(large.content)
    rng, left = random.Random(20261123), dict[int, tuple[int, bytes]]()
    with closing(SqliteLedger.open(large.path)) as ledger:
        left[0] = (0, tree.leaf(ledger.identity.content()))
        for entry, nodes in contents(ledger):
            texts = {name: getattr(entry, name) for name in COLUMNS if name != "nodes"}
            for name, text in texts.items():
                content = text.encode()
                for position in range(len(content)):
                    altered = bytearray(content)
                    altered[position] ^= rng.randrange(1, 256)
                    values = texts | {name: altered.decode("utf-8", "surrogateescape"), "seq": entry.seq}
                    assert verify._misfit(Record(**values), nodes, dict(left)), f"{name} of event {entry.seq}"
            for position in range(len(nodes)):
                altered = bytearray(nodes)
                altered[position] ^= rng.randrange(1, 256)
                assert verify._misfit(entry, bytes(altered), dict(left)), f"nodes of event {entry.seq}"
            assert not verify._misfit(entry, nodes, left)
