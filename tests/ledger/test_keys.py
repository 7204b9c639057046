"""Changing the master key: nothing is lost at any point, and nothing sealed, signed or blinded changes."""

from __future__ import annotations

import base64
import os
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from ledger_fold import fold
from ledger_worker import open_at
from postgres_server import PostgresServer

from ledger.book import Book
from ledger.interface import LedgerBusy, LedgerUnusable
from ledger.sqlite import SqliteLedger
from ledger.vault import VARIABLE, CaseKey, Erased, Keyring, MasterChanged, MasterKey, UnitKey, Vault

CASES = ("CY-1", "CY-2", "CY-3")


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new ledger, in a file and on a server."""
    if request.param == "sqlite":
        path = tmp_path / "ledger.db"
        SqliteLedger.open(path, create=True, sandbox=True).close()
        yield f"sqlite://{path}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        address = server.new_ledger()
        yield address
        server.drop(address)


in_a_file = pytest.mark.parametrize("address", ["sqlite"], indirect=True)
"""What concerns the bytes of a file."""


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    ring = Keyring(path=tmp_path / "master.key", environ={})
    MasterKey.create(ring.path)
    return ring


@pytest.fixture
def ledger(address: str) -> Iterator[Book]:
    with closing(open_at(address)) as ledger:
        yield ledger


@pytest.fixture
def vault(ledger: Book, ring: Keyring) -> Vault:
    return Vault(ledger, ring.current(), ring=ring)


def on_disk(address: str) -> bytes:
    path = Path(address.removeprefix("sqlite://"))
    files = [str(file) for file in path.parent.glob(f"{path.name}*")]
    return subprocess.run(["cat", *files], check=True, capture_output=True).stdout


def sealed(vault: Vault) -> dict[str, bytes]:
    return {vault.seal(case, f"facts of {case}".encode(), "request"): f"facts of {case}".encode() for case in CASES}


def test_everything_sealed_before_opens_after_and_new_seals_too(vault: Vault, ring: Keyring) -> None:
    tokens, before = sealed(vault), vault.master
    assert vault.rotate(ring.begin()) == len(CASES)
    assert vault.master != before
    assert {token: vault.unseal(token) for token in tokens} == tokens
    assert vault.unseal(vault.seal("CY-4", b"new", "request")) == b"new"
    assert vault.unseal(vault.seal("CY-1", b"more", "text")) == b"more"
    assert list(vault.wrong()) == []


def test_digests_and_the_signing_key_stay_what_they_were(vault: Vault, ring: Keyring) -> None:
    first = ring.current()
    digest, seed = vault.blind("email", "a@example.com"), vault.derive("heads")
    assert seed == first.derive("heads")
    for _ in range(2):
        vault.rotate(ring.begin())
        assert vault.blind("email", "a@example.com") == digest
        assert vault.derive("heads") == seed
        assert ring.current().derive("heads") != seed


def test_the_files_change_places_and_the_older_key_stays(vault: Vault, ring: Keyring) -> None:
    old = ring.current()
    new = ring.begin()
    assert stat.S_IMODE(ring.next_path.stat().st_mode) == 0o600
    assert ring.current() == old
    vault.rotate(new)
    assert ring.current() == new
    assert not ring.next_path.exists()
    assert MasterKey.load(ring.old_path(old.id), {}) == old
    assert ring.old_paths() == (ring.old_path(old.id),)


def test_the_old_key_opens_nothing_any_more_and_is_told(vault: Vault, ring: Keyring, address: str) -> None:
    sealed(vault)
    old = ring.current()
    vault.rotate(ring.begin())
    with (
        closing(open_at(address)) as again,
        pytest.raises(LedgerUnusable, match=f"not the ledger's master key: it was made with key {vault.master}"),
    ):
        Vault(again, old)


@in_a_file
def test_no_key_wrapped_by_the_older_one_stays_on_the_disk(
    vault: Vault, ring: Keyring, ledger: Book, address: str
) -> None:
    tokens = [vault.seal(f"CY-{number:03}", b"x", "request") for number in range(200)]
    before = [key.wrapped for key in ledger.case_keys()]
    assert all(wrapped in on_disk(address) for wrapped in before[:5])
    vault.rotate(ring.begin())
    written = on_disk(address)
    assert [number for number, wrapped in enumerate(before) if wrapped in written] == []
    assert all(vault.unseal(token) == b"x" for token in tokens)
    assert ledger.verify(fold) == ()


def test_cut_off_before_the_ledger_changed_the_older_key_is_used_and_the_next_one_waits(
    vault: Vault, ring: Keyring, address: str
) -> None:
    tokens = sealed(vault)
    waits = ring.begin()
    with closing(open_at(address)) as again:
        after = Vault(again, ring.current(), ring=ring)
        assert after.unseal(next(iter(tokens))) == tokens[next(iter(tokens))]
        assert ring.begin() == waits, "not one more key for every try"
        after.rotate(ring.begin())
    assert ring.current() == waits


def test_cut_off_after_the_ledger_changed_the_next_opening_puts_the_files_right(
    vault: Vault, ring: Keyring, ledger: Book, address: str
) -> None:
    tokens = sealed(vault)
    old, new = ring.current(), ring.begin()
    without_files = Vault(ledger, old)
    without_files.rotate(new)
    assert ring.current() == old
    with closing(open_at(address)) as again:
        after = Vault(again, ring.current(), ring=ring)
        assert {token: after.unseal(token) for token in tokens} == tokens
    assert (ring.current(), ring.waiting()) == (new, None)
    assert MasterKey.load(ring.old_path(old.id), {}) == old


def test_cut_off_between_the_two_moves_of_files_it_is_completed(vault: Vault, ring: Keyring) -> None:
    old, new = ring.current(), ring.begin()
    os.link(ring.path, ring.old_path(old.id))
    vault.rotate(new)
    assert (ring.current(), ring.waiting(), len(ring.old_paths())) == (new, None, 1)


@pytest.mark.parametrize("at", range(4))
def test_a_change_that_fails_at_any_case_changes_nothing(vault: Vault, ring: Keyring, ledger: Book, at: int) -> None:
    tokens, before, keys = sealed(vault), vault.master, tuple(ledger.case_keys())
    seen = 0

    def again(key: CaseKey) -> CaseKey:
        nonlocal seen
        if seen == at:
            raise RuntimeError("cut off")
        seen += 1
        return key

    if at < len(CASES):
        with pytest.raises(RuntimeError, match="cut off"):
            ledger.rewrap(before, "n" * 32, [], again)
    else:
        with pytest.raises(MasterChanged, match=f"the ledger uses {before}.* not {'x' * 32}"):
            ledger.rewrap("x" * 32, "n" * 32, [], again)
    assert tuple(ledger.case_keys()) == keys
    assert {token: vault.unseal(token) for token in tokens} == tokens


def test_a_process_that_runs_follows_the_change(vault: Vault, ring: Keyring, address: str) -> None:
    tokens = sealed(vault)
    with closing(open_at(address)) as elsewhere:
        watch = Vault(elsewhere, ring.current(), ring=ring)
        assert watch.unseal(next(iter(tokens))) == tokens[next(iter(tokens))]
        vault.rotate(ring.begin())
        vault.rotate(ring.begin())
        assert watch.unseal(watch.seal("CY-9", b"of a new case", "request")) == b"of a new case"
        assert {token: watch.unseal(token) for token in tokens} == tokens
        assert watch.master == vault.master
        assert watch.blind("email", "a@example.com") == vault.blind("email", "a@example.com")


class Between:
    """A store in which something else happens after one of its unit keys was read, the next time."""

    def __init__(self, store: Book, then: list[Callable[[], object]]) -> None:
        self._store, self._then = store, then

    def unit_key(self, name: str) -> UnitKey | None:
        found = self._store.unit_key(name)
        if self._then:
            self._then.pop(0)()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize("changes", [1, 2, 3, 4])
@pytest.mark.parametrize("changed_before", [False, True])
def test_the_units_keys_are_found_though_the_master_key_is_changed_while_they_are_read(
    ledger: Book, ring: Keyring, address: str, changes: int, changed_before: bool
) -> None:
    with closing(open_at(address)) as elsewhere:
        there = Vault(elsewhere, ring.current(), ring=ring)
        expected = there.derive("heads"), there.blind("email", "a@example.com")
        if changed_before:
            there.rotate(ring.begin())
        then: list[Callable[[], object]] = []
        here = Vault(Between(ledger, then), ring.current(), ring=ring)
        there.rotate(ring.begin())
        assert here.derive("heads") == expected[0], "it follows by itself, before anything else is opened"
        for name in ("heads", "blind"):
            then += [lambda: there.rotate(ring.begin())] * changes
            assert here.derive(name) == (expected[0] if name == "heads" else there.derive("blind"))
            then.clear()
        assert here.blind("email", "a@example.com") == expected[1]


def test_a_key_that_is_missing_in_the_ledger_is_still_told(vault: Vault, ring: Keyring, address: str) -> None:
    if not address.startswith("sqlite"):
        pytest.skip("what a person does to a file")
    vault.rotate(ring.begin())
    with closing(sqlite3.connect(address.removeprefix("sqlite://"))) as connection:
        connection.execute("DELETE FROM unit_keys WHERE name = 'heads'")
        connection.commit()
    with pytest.raises(LedgerUnusable, match="the key for heads is missing in the ledger"):
        vault.derive("heads")


@pytest.mark.parametrize("damage", ["cut off", "open to others", "in the environment"])
def test_a_next_key_that_cannot_be_read_stops_nobody_who_does_not_need_it(
    vault: Vault, ring: Keyring, address: str, damage: str
) -> None:
    token = vault.seal("CY-1", b"x", "request")
    ring.begin()
    if damage == "open to others":
        ring.next_path.chmod(0o644)
    else:
        ring.next_path.write_bytes(ring.next_path.read_bytes()[:10])
    if damage == "in the environment":
        ring = Keyring(path=ring.path, environ={VARIABLE: ring.path.read_text()})
    with closing(open_at(address)) as elsewhere:
        assert Vault(elsewhere, ring.current(), ring=ring).unseal(token) == b"x"
    remedy = "chmod 600 it" if damage == "open to others" else "copy it again, or delete it"
    with pytest.raises(LedgerUnusable, match=rf"master\.key\.new: .*{remedy}"):
        ring.begin()


def test_the_current_key_is_found_though_the_next_one_cannot_be_read(vault: Vault, ring: Keyring) -> None:
    old = ring.current()
    vault.rotate(ring.begin())
    ring.begin()
    ring.next_path.write_bytes(b"cut o")
    vault = Vault(vault._store, old, ring=ring)
    assert vault.master == ring.current().id


def test_a_process_without_the_new_key_writes_nothing_with_the_older_one(
    vault: Vault, ring: Keyring, ledger: Book, address: str
) -> None:
    old = ring.current()
    with closing(open_at(address)) as elsewhere:
        alone = Vault(elsewhere, old)
        vault.rotate(ring.begin())
        with pytest.raises(LedgerUnusable, match="not the ledger's master key"):
            alone.seal("CY-9", b"x", "request")
    assert ledger.case_key("CY-9") is None


def test_another_machine_that_has_the_next_key_takes_it_by_itself(
    vault: Vault, ring: Keyring, address: str, tmp_path: Path
) -> None:
    there = Keyring(path=tmp_path / "there" / "master.key", environ={})
    there.path.parent.mkdir()
    token = vault.seal("CY-1", b"x", "request")
    new = ring.begin()
    for source, target in ((ring.path, there.path), (ring.next_path, there.next_path)):
        target.write_bytes(source.read_bytes())
        target.chmod(0o600)
    vault.rotate(new)
    with closing(open_at(address)) as elsewhere:
        assert Vault(elsewhere, there.current(), ring=there).unseal(token) == b"x"
    assert there.current() == new


def test_a_key_in_the_environment_is_changed_by_a_person(
    ledger: Book, ring: Keyring, address: str, tmp_path: Path
) -> None:
    text = base64.b64encode(bytes(range(32))).decode()
    given = Keyring(path=tmp_path / "none" / "master.key", environ={VARIABLE: text})
    vault = Vault(ledger, given.current(), ring=given)
    token = vault.seal("CY-1", b"x", "request")
    vault.rotate(given.begin())
    assert given.next_path.exists()
    with closing(open_at(address)) as elsewhere:
        assert Vault(elsewhere, given.current(), ring=given).unseal(token) == b"x", "the file beside it is found"
    changed = Keyring(path=given.path, environ={VARIABLE: given.next_path.read_text()})
    given.next_path.unlink()
    with closing(open_at(address)) as elsewhere:
        assert Vault(elsewhere, changed.current(), ring=changed).unseal(token) == b"x"


@in_a_file
def test_a_reader_that_holds_an_old_page_is_told_of_and_the_change_stands(
    vault: Vault, ring: Keyring, ledger: Book, address: str
) -> None:
    tokens = sealed(vault)
    wrapped = ledger.case_key("CY-1").wrapped
    new = ring.begin()
    with closing(SqliteLedger.open(Path(address.removeprefix("sqlite://")), timeout=0.1)) as impatient:
        here = Vault(impatient, ring.current(), ring=ring)
        reader = ledger.case_keys()
        next(reader)
        with pytest.raises(LedgerBusy, match="a reader still holds"):
            here.rotate(new)
        assert here.master == new.id
        assert {token: here.unseal(token) for token in tokens} == tokens
        reader.close()
        here.clear()
    assert wrapped not in on_disk(address)


# ---- the keys at hand


def test_what_is_prepared_is_stored_with_its_event_or_not_at_all(vault: Vault, ledger: Book) -> None:
    made = vault.prepare("CY-1", b"sent", "sent")
    assert ledger.sealed(made.token) is None
    ledger.put_sealed(made)
    assert vault.unseal(made.token) == b"sent"


def test_a_key_at_hand_does_not_outlive_the_case(vault: Vault, ring: Keyring, address: str) -> None:
    token = vault.seal("CY-1", b"x", "request")
    with closing(open_at(address)) as elsewhere:
        other = Vault(elsewhere, ring.current(), ring=ring)
        assert other.unseal(token) == b"x"
        late = other.prepare("CY-1", b"late", "sent")
        vault.erase("CY-1")
        for sealed_with_a_dead_key in (late, other.prepare("CY-1", b"later", "sent")):
            with pytest.raises(Erased, match="erased meanwhile; nothing was written"):
                elsewhere.put_sealed(sealed_with_a_dead_key)
        with pytest.raises(Erased):
            other.unseal(token)
        anew = other.prepare("CY-1", b"of the case begun anew", "request")
        elsewhere.put_sealed(anew)
        assert vault.unseal(anew.token) == b"of the case begun anew"


def test_forgetting_reads_the_keys_again(vault: Vault, ring: Keyring, address: str) -> None:
    vault.seal("CY-1", b"x", "request")
    with closing(open_at(address)) as elsewhere:
        Vault(elsewhere, ring.current(), ring=ring).erase("CY-1")
    vault.forget()
    made = vault.prepare("CY-1", b"new", "request")
    assert made.case_key == vault.key_id("CY-1")


def test_of_several_who_make_the_first_key_at_once_all_use_the_same(tmp_path: Path) -> None:
    ring = Keyring(path=tmp_path / "home" / "master.key", environ={})
    at_once = Barrier(8)

    def make() -> str:
        at_once.wait(10)
        ring.make()
        return ring.current().id

    with ThreadPoolExecutor(8) as threads:
        ids = {made.result(10) for made in [threads.submit(make) for _ in range(8)]}
    assert len(ids) == 1
    assert [file.name for file in ring.path.parent.iterdir()] == ["master.key"]
