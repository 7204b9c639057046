import base64
import os
import random
import secrets
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from ledger_fold import NOW, fold, registered, row_body

from ledger.interface import LedgerBusy, LedgerError, LedgerUnusable, NewEvent
from ledger.sqlite import SqliteLedger
from ledger.vault import VARIABLE, CaseKey, Erased, MasterKey, Sealed, Vault

CASE = "CY-2026-0412"
KNOWN_BLIND = "502e9b85875f794fff63841a0a23254361d01c92bd2a75ea963e3e8e5caada0e"
CANARY = b"canary.account@example.com"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger.open(path, create=True, sandbox=True)) as ledger:
        yield ledger


@pytest.fixture
def master() -> MasterKey:
    return MasterKey(secret=bytes(range(32)))


@pytest.fixture
def vault(ledger: SqliteLedger, master: MasterKey) -> Vault:
    return Vault(ledger, master)


def on_disk(path: Path) -> bytes:
    """File and journal as they lie there. Read by another process: opening them in this one would drop locks."""
    files = [str(file) for file in path.parent.glob(f"{path.name}*")]
    return subprocess.run(["cat", *files], check=True, capture_output=True).stdout


# ---- sealing


@pytest.mark.parametrize(
    "plaintext", [b"", b"\0", CANARY, bytes(range(256)) * 12_000], ids=["none", "null", "text", "much"]
)
def test_what_was_sealed_is_unsealed(vault: Vault, plaintext: bytes) -> None:
    assert vault.unseal(vault.seal(CASE, plaintext, "identifiers")) == plaintext


def test_a_token_says_nothing_and_is_never_the_same(vault: Vault) -> None:
    tokens = {vault.seal(CASE, CANARY, "identifiers") for _ in range(5)}
    assert len(tokens) == 5
    assert all(token.startswith("seal-") and len(token) == 69 for token in tokens)


def test_an_unknown_token_is_told(vault: Vault) -> None:
    with pytest.raises(LedgerError, match="nothing is sealed as 'seal-0'"):
        vault.unseal("seal-0")


def test_another_process_unseals_it_with_the_same_key(vault: Vault, path: Path, master: MasterKey) -> None:
    token = vault.seal(CASE, CANARY, "identifiers")
    with closing(SqliteLedger.open(path)) as elsewhere:
        assert Vault(elsewhere, master).unseal(token) == CANARY


def test_nothing_sealed_stands_in_the_file_or_its_journal(
    ledger: SqliteLedger, vault: Vault, path: Path, master: MasterKey
) -> None:
    token = vault.seal(CASE, CANARY * 3, "identifiers")
    body = row_body() | {"sealed": token, "blind": vault.blind("email", CANARY.decode())}
    new = NewEvent(kind="registered", at=NOW, actor="sweep", body=body)
    ledger.register("HF-A", [new], fold, now=NOW)

    written = on_disk(path)
    assert token.encode() in written
    for secret in (CANARY, CANARY.upper(), base64.b64encode(CANARY), CANARY.hex().encode(), master.secret):
        assert secret not in written


def test_values_and_keys_are_not_printed(vault: Vault, ledger: SqliteLedger, master: MasterKey) -> None:
    token = vault.seal(CASE, CANARY, "identifiers")
    key, sealed = ledger.case_key(CASE), ledger.sealed(token)
    for secret, holder in ((master.secret, master), (key.wrapped, key), (sealed.box, sealed)):
        assert repr(secret)[2:-1] not in repr(holder)
        assert secret.hex() not in repr(holder)


def test_a_hundred_thousand_identifiers_are_one_seal(vault: Vault, ledger: SqliteLedger, path: Path) -> None:
    plaintext = b"\n".join(b"account-%06d@example.com" % number for number in range(100_000))
    token = vault.seal(CASE, plaintext, "identifiers")
    assert vault.unseal(token) == plaintext
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sealed").fetchone() == (1,)


# ---- what was altered


def altered(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement, values)
        for _, sql in guards:
            connection.execute(sql)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sealed SET box = (SELECT box FROM sealed WHERE token = :other) WHERE token = :token",
        "UPDATE sealed SET purpose = 'note' WHERE token = :token",
        "UPDATE sealed SET case_ref = 'CY-2' WHERE token = :token",
        "UPDATE sealed SET case_ref = 'CY-2', case_key = (SELECT id FROM case_keys WHERE case_ref = 'CY-2') "
        "WHERE token = :token",
        "UPDATE sealed SET box = x'00' WHERE token = :token",
        "UPDATE sealed SET box = CAST(box || x'00' AS BLOB) WHERE token = :token",
    ],
)
def test_sealed_bytes_that_were_altered_or_swapped_do_not_open(
    ledger: SqliteLedger, vault: Vault, path: Path, statement: str
) -> None:
    token = vault.seal(CASE, CANARY, "identifiers")
    other = vault.seal(CASE, b"other", "identifiers")
    vault.seal("CY-2", b"another case", "identifiers")
    assert ledger.verify(fold) == ()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (guard,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'sealed_never_updated'").fetchone()
        connection.execute("DROP TRIGGER sealed_never_updated")
        connection.execute(statement, {"token": token, "other": other})
        connection.execute(guard)
    with pytest.raises(LedgerError):  # Unusable, or Erased where it now names a case without that key
        vault.unseal(token)
    (finding,) = ledger.verify(fold)
    assert finding.what == f"the bytes sealed as {token} are not the ones that were sealed"


def test_even_a_token_made_to_fit_does_not_open_what_was_sealed_for_something_else(
    ledger: SqliteLedger, vault: Vault, path: Path
) -> None:
    sealed = ledger.sealed(vault.seal(CASE, CANARY, "identifiers"))
    for forged in (
        Sealed(case_key=sealed.case_key, case=sealed.case, purpose="note", box=sealed.box),
        Sealed(
            case_key=sealed.case_key,
            case=sealed.case,
            purpose=sealed.purpose,
            box=sealed.box[:-1] + bytes([sealed.box[-1] ^ 1]),
        ),
        Sealed(case_key=sealed.case_key, case=sealed.case, purpose=sealed.purpose, box=b"short"),
    ):
        ledger.put_sealed(forged)
        with pytest.raises(LedgerUnusable, match="not what was sealed: run verify"):
            vault.unseal(forged.token)


def test_a_case_key_that_was_altered_is_told(ledger: SqliteLedger, vault: Vault, path: Path) -> None:
    token = vault.seal(CASE, CANARY, "identifiers")
    wrapped = ledger.case_key(CASE).wrapped
    for wrong in (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), b"", secrets.token_bytes(60)):
        altered(path, "UPDATE case_keys SET wrapped = ?", wrong)
        with pytest.raises(LedgerUnusable, match=f"the key of case {CASE} does not open"):
            vault.unseal(token)
    altered(path, "UPDATE case_keys SET wrapped = ?", wrapped)
    assert vault.unseal(token) == CANARY


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sealed SET purpose = 'x'",
        "DELETE FROM sealed",
        "REPLACE INTO sealed SELECT token, case_key, case_ref, purpose, x'00' FROM sealed",
        "REPLACE INTO case_keys SELECT id, case_ref, master, x'00' FROM case_keys",
        "REPLACE INTO case_keys SELECT 'other', case_ref, master, x'00' FROM case_keys",
    ],
)
def test_through_no_connection_is_a_seal_changed(vault: Vault, path: Path, statement: str) -> None:
    token = vault.seal(CASE, CANARY, "identifiers")
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="never"),
    ):
        connection.execute(statement)
    assert vault.unseal(token) == CANARY


def test_a_seal_that_an_event_names_and_that_is_gone_is_found(ledger: SqliteLedger, vault: Vault, path: Path) -> None:
    token = vault.seal(CASE, CANARY, "identifiers")
    new = NewEvent(kind="registered", at=NOW, actor="sweep", body=row_body() | {"deep": [{"proof": token}]})
    ledger.register("HF-A", [new], fold, now=NOW)
    assert ledger.verify(fold) == ()
    altered(path, "DELETE FROM sealed")
    (finding,) = ledger.verify(fold)
    assert (finding.seq, finding.what) == (1, f"event 1 names {token}, which is missing")


# ---- erasing


def test_what_was_sealed_for_an_erased_case_is_lost(ledger: SqliteLedger, vault: Vault) -> None:
    token, other = vault.seal(CASE, CANARY, "identifiers"), vault.seal("CY-2", CANARY, "identifiers")
    new = NewEvent(kind="registered", at=NOW, actor="sweep", body=row_body() | {"sealed": token})
    ledger.register("HF-A", [new], fold, now=NOW)
    vault.erase(CASE)
    vault.erase(CASE)
    with pytest.raises(Erased, match=f"case {CASE} was erased"):
        vault.unseal(token)
    assert vault.unseal(other) == CANARY
    assert ledger.verify(fold) == ()


def test_a_case_that_comes_back_has_a_new_key_and_the_old_stays_lost(vault: Vault) -> None:
    token = vault.seal(CASE, CANARY, "identifiers")
    vault.erase(CASE)
    new = vault.seal(CASE, b"new", "identifiers")
    assert vault.unseal(new) == b"new"
    with pytest.raises(Erased):
        vault.unseal(token)


def test_an_erased_key_leaves_no_trace_in_file_or_journal(ledger: SqliteLedger, vault: Vault, path: Path) -> None:
    cases = [f"CY-2026-{number:04}" for number in range(120)]
    wrapped = {}
    for case in cases:
        vault.seal(case, CANARY, "identifiers")
        wrapped[case] = ledger.case_key(case).wrapped
    written = on_disk(path)
    assert all(each in written for each in wrapped.values())
    for case in cases[::3]:
        vault.erase(case)
    written = on_disk(path)
    assert [case for case in cases if wrapped[case] in written] == [case for case in cases if case not in cases[::3]]


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_no_copy_of_an_erased_key_stays_where_rows_were_moved(ledger: SqliteLedger, path: Path, seed: int) -> None:
    """SQLite moves rows between pages. The sizes that come from seed 7 leave a copy behind a plain DELETE."""
    draw = random.Random(seed)
    wrapped = {f"CY-{number:04}-{'x' * draw.randrange(60)}": os.urandom(60) for number in range(300)}
    for number, (case, secret) in enumerate(wrapped.items()):
        ledger.put_case_key(CaseKey(id=f"{number:032}", case=case, master="m" * 32, wrapped=secret))
    gone = draw.sample(list(wrapped), 200)
    for case in gone:
        ledger.drop_case_key(case)
    written = on_disk(path)
    assert [case for case in gone if wrapped[case] in written] == []
    kept = {case: ledger.case_key(case) for case in wrapped if case not in gone}
    assert {case: key.wrapped for case, key in kept.items()} == {case: wrapped[case] for case in kept}


def test_an_old_reader_that_keeps_a_page_of_the_key_is_told_of(
    ledger: SqliteLedger, vault: Vault, path: Path, master: MasterKey
) -> None:
    token = vault.seal(CASE, CANARY, "identifiers")
    ledger.register("HF-A", [registered(), NewEvent(kind="note", at=NOW, actor="sweep")], fold, now=NOW)
    wrapped = ledger.case_key(CASE).wrapped
    reader = ledger.all_events()
    next(reader)
    with closing(SqliteLedger.open(path, timeout=0.1)) as impatient:
        with pytest.raises(LedgerBusy, match="erased, but a reader still holds an old page"):
            Vault(impatient, master).erase(CASE)
        with pytest.raises(Erased):
            vault.unseal(token)
        reader.close()
        Vault(impatient, master).erase(CASE)
    assert wrapped not in on_disk(path)


def test_a_seal_for_a_case_that_is_erased_meanwhile_is_refused(ledger: SqliteLedger, vault: Vault) -> None:
    sealed = ledger.sealed(vault.seal(CASE, CANARY, "identifiers"))
    vault.erase(CASE)
    late = Sealed(case_key=sealed.case_key, case=CASE, purpose="note", box=b"late")
    with pytest.raises(Erased, match="erased meanwhile; nothing was written"):
        ledger.put_sealed(late)
    assert ledger.sealed(late.token) is None


def test_of_two_writers_of_a_cases_first_key_both_use_the_first(ledger: SqliteLedger) -> None:
    first = CaseKey(id="1", case=CASE, master="m", wrapped=b"1")
    second = CaseKey(id="2", case=CASE, master="m", wrapped=b"2")
    assert ledger.put_case_key(first) == first
    assert ledger.put_case_key(second) == first


# ---- the blind digest


def test_the_same_account_has_the_same_digest(vault: Vault) -> None:
    digest = vault.blind("email", "account.strasse@example.com")
    for written in (" Account.Strasse@EXAMPLE.com\n", "account.straße@example.com", "ａccount.strasse@example.com"):
        assert vault.blind("email", written) == digest
    assert vault.blind("username", "ℋolder") == vault.blind("username", "holder")
    assert vault.blind("username", "account.strasse@example.com") != digest
    assert vault.blind("email", "account.strasse@example.org") != digest


def test_a_digest_needs_the_master_key(ledger: SqliteLedger, vault: Vault, tmp_path: Path) -> None:
    with closing(SqliteLedger.open(tmp_path / "other.db", create=True)) as other:
        stranger = Vault(other, MasterKey(secret=bytes(32)))
        assert stranger.blind("email", "a@example.com") != vault.blind("email", "a@example.com")


def test_type_and_value_are_kept_apart(vault: Vault) -> None:
    assert vault.blind("a", "bc") != vault.blind("ab", "c")


def test_a_known_digest_stays_the_same(vault: Vault) -> None:
    assert vault.blind("email", "a@example.com") == KNOWN_BLIND


# ---- the master key


def test_a_new_master_key_is_for_its_owner_alone_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "home" / "master.key"
    key = MasterKey.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert MasterKey.load(path, {}) == key
    assert MasterKey.create(tmp_path / "second.key") != key
    assert [file.name for file in path.parent.iterdir()] == ["master.key"]


def test_a_master_key_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    key = MasterKey.create(path)
    with pytest.raises(LedgerUnusable, match=r"master\.key: there is a master key already: use it"):
        MasterKey.create(path)
    assert MasterKey.load(path, {}) == key
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


def test_a_master_key_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnusable, match="the master key cannot be written: Not a directory"):
        MasterKey.create(tmp_path / "file" / "master.key")


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    MasterKey.create(path)
    other = bytes(range(32))
    environ = {VARIABLE: base64.b64encode(other).decode() + "\n"}
    assert MasterKey.load(path, environ).secret == other
    assert MasterKey.load(path, {VARIABLE: " "}).secret != other


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "a master key is 32 bytes in base64, this one is 0"),
        (base64.b64encode(bytes(31)), "this one is 31"),
        (base64.b64encode(bytes(33)), "this one is 33"),
        (b"not base64 at all!", "the master key is not base64"),
        (bytes(range(200, 232)), "the master key is not base64"),
    ],
)
def test_a_wrong_master_key_is_told_without_showing_it(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(LedgerUnusable, match=words) as caught:
        MasterKey.load(path, {})
    assert str(path) in str(caught.value)
    assert not content or content.decode("latin-1") not in str(caught.value)
    if content.strip().isascii() and content:
        with pytest.raises(LedgerUnusable, match=f"the environment variable {VARIABLE}: .*"):
            MasterKey.load(path, {VARIABLE: content.decode()})


def test_a_master_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    MasterKey.create(path)
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(LedgerUnusable, match=f"others may read the master key .mode {mode:04o}.: chmod 600"):
            MasterKey.load(path, {})
    path.chmod(0o400)
    assert len(MasterKey.load(path, {}).secret) == 32


def test_a_master_key_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        LedgerUnusable, match=f"there is no master key: restore it from its backup, or set {VARIABLE}"
    ):
        MasterKey.load(tmp_path / "master.key", {})
    with pytest.raises(LedgerUnusable, match="cannot be read: Is a directory"):
        MasterKey.load(tmp_path, {})
    assert list(tmp_path.iterdir()) == []


def test_another_master_key_is_refused_before_anything_is_written(
    ledger: SqliteLedger, vault: Vault, path: Path, master: MasterKey
) -> None:
    vault.seal(CASE, CANARY, "identifiers")
    ledger.close()
    before = path.read_bytes()
    with (
        closing(SqliteLedger.open(path)) as again,
        pytest.raises(LedgerUnusable, match="this is not the ledger's master key: it was made with key"),
    ):
        Vault(again, MasterKey(secret=bytes(32)))
    assert path.read_bytes() == before
    with closing(SqliteLedger.open(path)) as again:
        Vault(again, master)


def test_keys_for_different_purposes_are_different(master: MasterKey) -> None:
    derived = {master.derive(purpose) for purpose in ("id", "wrap", "blind")}
    assert len(derived) == 3
    assert master.secret not in derived
    assert bytes.fromhex(master.id) not in master.derive("wrap") + master.derive("blind")


def test_a_case_key_is_bound_to_its_case(ledger: SqliteLedger, vault: Vault, path: Path) -> None:
    token = vault.seal(CASE, CANARY, "identifiers")
    vault.seal("CY-2", b"other", "identifiers")
    stolen = ledger.case_key("CY-2").wrapped
    altered(path, "UPDATE case_keys SET wrapped = ? WHERE case_ref = ?", stolen, CASE)
    with pytest.raises(LedgerUnusable, match="does not open"):
        vault.unseal(token)


def test_the_sealed_bytes_are_aes_256_gcm_as_documented(
    ledger: SqliteLedger, vault: Vault, master: MasterKey
) -> None:
    """A third party reads it with the master key and this page alone."""
    sealed = ledger.sealed(vault.seal(CASE, CANARY, "identifiers"))
    key = ledger.case_key(CASE)
    bound = f'{{"case":"{CASE}","case_key":"{key.id}","master":"{master.id}"}}'.encode()
    case_key = AESGCM(master.derive("wrap")).decrypt(key.wrapped[:12], key.wrapped[12:], bound)
    context = f'{{"case":"{CASE}","case_key":"{key.id}","purpose":"identifiers"}}'.encode()
    assert AESGCM(case_key).decrypt(sealed.box[:12], sealed.box[12:], context) == CANARY
