"""A unit's ledger in PostgreSQL, and its way from a file to a database and back."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from unit_support import MORNING, Unit

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
from postgres_server import APP_PASSWORD, PostgresServer, as_admin

from flows import ledgers, settings, sweeping
from flows.office import open_office
from flows.settings import SettingsError
from flows.watch import check
from ledger.interface import LedgerBusy, LedgerUnusable

pytestmark = pytest.mark.xdist_group("on a clock")


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    """A unit with some history: requests sent, one in flight no more, one to come."""
    unit = Unit(tmp_path, ("alpha", "beta"))
    unit.play("alpha")
    unit.play("beta")
    unit.preserve({"provider": "alpha"}, {"provider": "beta"})
    unit.later(days=40)
    unit.sweep()
    yield unit
    unit.office.close()


def new_database(postgres: PostgresServer, **how: bool) -> str:
    address = postgres.app(postgres.new_database())
    at = settings.load({"HOLDFAST_LEDGER": address, "HOLDFAST_CLOCK": MORNING.isoformat(), "P": APP_PASSWORD})
    made = ledgers.initialise(at, admin=postgres.admin(), password_variable="P", **{"sandbox": True, **how})
    assert APP_PASSWORD not in made.address
    return address


def copied(unit: Unit, one: str, other: str) -> ledgers.Moved:
    return ledgers.copy(unit.office.settings, one, other, lambda *_: None)


def test_a_unit_moves_to_a_database_and_back_with_the_same_head(
    unit: Unit, postgres: PostgresServer, tmp_path: Path
) -> None:
    here, there = unit.office.settings.ledger, new_database(postgres, for_copy=True)
    before = Path(unit.office.settings.ledger_path).read_bytes()
    seen: list[tuple[str, int, int]] = []
    moved = ledgers.copy(unit.office.settings, here, there, lambda *said: seen.append(said))
    assert moved.heads[0] == moved.heads[1] == unit.office.ledger.head()[1]
    assert moved.rows["events"] == moved.events == unit.office.ledger.head()[0] > 4
    assert ("events", moved.events, moved.events) in seen
    assert APP_PASSWORD not in moved.other
    assert Path(unit.office.settings.ledger_path).read_bytes() == before, "the source is not touched"

    office = open_office(replace(unit.office.settings, ledger=there))
    try:
        assert office.ledger.verify(sweeping.provable(office)) == ()
        assert list(office.ledger.rows()) == list(unit.office.ledger.rows())
        assert list(office.ledger.all_events()) == list(unit.office.ledger.all_events())
        for row in office.ledger.rows():
            sealed = str(office.ledger.events(row.request)[0].body["sealed"])
            assert office.vault.unseal(sealed) == unit.office.vault.unseal(sealed)
        office.settings = replace(office.settings, simulated=office.now().replace(year=2027))
        office.adapters = unit.office.adapters
        assert sweeping.sweep(office).done, "it goes on where it was"
        head = office.ledger.head()
        assert head[0] > moved.events
    finally:
        office.close()

    back = tmp_path / "back" / "ledger.sqlite"
    again = copied(unit, there, str(back))
    assert (again.events, again.heads[1]) == head
    with closing(ledgers.open_ledger(replace(unit.office.settings, ledger=f"sqlite:///{back}"))) as ledger:
        assert ledger.head() == head
        assert ledger.identity == unit.office.ledger.identity


def test_a_copy_goes_into_an_empty_ledger_only(unit: Unit, postgres: PostgresServer, tmp_path: Path) -> None:
    here = unit.office.settings.ledger
    with pytest.raises(LedgerUnusable, match="it is not empty, there are meta"):
        copied(unit, here, new_database(postgres))
    (tmp_path / "there.sqlite").write_text("something")
    with pytest.raises(LedgerUnusable, match="there is a ledger already"):
        copied(unit, here, str(tmp_path / "there.sqlite"))
    with pytest.raises(SettingsError, match="the same ledger"):
        copied(unit, here, here)
    with pytest.raises(SettingsError, match="FROM and TO: expected sqlite:///PATH or postgresql://"):
        copied(unit, "mysql://x:hush@y/z", here)


def test_nothing_is_copied_while_somebody_works(unit: Unit, tmp_path: Path) -> None:
    row = next(unit.office.ledger.rows())
    now = unit.office.now()
    (claim,) = unit.office.ledger.claim(
        now, owner="sweep", until=now.replace(minute=59), limit=1, request=row.request
    )
    with pytest.raises(LedgerBusy, match=rf"1 requests are being worked on \({row.request}\): stop every sweep"):
        copied(unit, unit.office.settings.ledger, str(tmp_path / "copy.sqlite"))
    assert not (tmp_path / "copy.sqlite").exists()
    unit.office.ledger.give_back(claim)
    copied(unit, unit.office.settings.ledger, str(tmp_path / "copy.sqlite"))


def test_what_does_not_fit_is_not_copied_and_nothing_stays(unit: Unit, postgres: PostgresServer) -> None:
    there = new_database(postgres, for_copy=True)
    with closing(sqlite3.connect(unit.office.settings.ledger_path, isolation_level=None)) as meddling:
        (guard,) = meddling.execute("SELECT sql FROM sqlite_master WHERE name = 'events_never_updated'").fetchone()
        meddling.execute("DROP TRIGGER events_never_updated")
        meddling.execute("UPDATE events SET actor = 'Somebody else' WHERE seq = 3")
        meddling.execute(guard)
    with pytest.raises(LedgerUnusable, match=r"event 3 .* is not what was recorded there.*it is not copied"):
        copied(unit, unit.office.settings.ledger, there)
    with as_admin(postgres, there) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM meta").fetchone() == (0,)


def test_a_copy_that_is_killed_leaves_the_target_empty(unit: Unit, postgres: PostgresServer) -> None:
    there = new_database(postgres, for_copy=True)

    class Killed(BaseException):
        pass

    def die(table: str, done: int, many: int) -> None:
        if table == "sealed":
            raise Killed

    with pytest.raises(Killed):
        ledgers.copy(unit.office.settings, unit.office.settings.ledger, there, die)
    with as_admin(postgres, there) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
    assert copied(unit, unit.office.settings.ledger, there).events


def test_a_whole_unit_works_on_a_database(postgres: PostgresServer, tmp_path: Path) -> None:
    unit = Unit(tmp_path)
    unit.office.close()
    address = new_database(postgres)
    unit.environ["HOLDFAST_LEDGER"] = address
    Path(unit.office.settings.key_path).unlink()
    unit.office = open_office(settings.load(unit.environ), create=True)
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.run_until(unit.later(days=120))
    assert unit.kinds(request)[0] == "registered"
    assert "extended" in unit.kinds(request) or len(unit.kinds(request)) > 3
    assert unit.office.ledger.verify(sweeping.provable(unit.office)) == ()
    status, text = check(unit.office.settings, unit.office.now())
    assert status in (0, 1), text
    found = ledgers.describe(unit.office.settings)
    assert (found.kind, found.sandbox, found.events) == ("postgresql", True, unit.office.ledger.head()[0])
    assert found.size > 1_000_000
    unit.office.close()


def test_the_commands_make_show_and_copy(
    unit: Unit, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from desk.cli import holdfast

    there = postgres.app(postgres.new_database())
    here, (_, head) = unit.office.settings.ledger, unit.office.ledger.head()
    for name, value in {**unit.environ, "HOLDFAST_CLOCK": unit.office.now().isoformat(), "P": APP_PASSWORD}.items():
        monkeypatch.setenv(name, value)

    def run(ledger: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("HOLDFAST_LEDGER", ledger)
        with pytest.raises(SystemExit) as ended:
            holdfast.main(list(words))
        said = capsys.readouterr()
        assert APP_PASSWORD not in said.out + said.err
        return int(ended.value.code or 0), said.out, said.err

    how = ("--admin", postgres.admin(), "--app-password-env", "P", "--for-copy", "--sandbox")
    status, out, err = run(there, "ledger", "init", *how)
    assert (status, out.startswith("HOLDFAST_LEDGER=postgresql://holdfast_app@127.0.0.1")) == (0, True)
    assert "made the database" in err
    status, out, err = run(here, "ledger", "copy", here, there)
    assert (status, out.count(head)) == (0, 2), err
    assert head in run(there, "ledger")[1]
    assert head in run(here, "ledger", "--json")[1]
    assert run(there, "verify")[0] == 0
    status, _, err = run(here, "ledger", "copy", here, there)
    assert (status, "it is not empty" in err) == (3, True)
    status, _, err = run(here, "ledger", "init")
    assert (status, "a ledger in a file needs no init" in err) == (2, True)


def test_a_key_in_the_environment_that_is_set_to_nothing_is_a_mistake_and_makes_none(tmp_path: Path) -> None:
    environ = {"HOLDFAST_HOME": str(tmp_path / "home"), "HOLDFAST_MASTER_KEY": " "}
    with pytest.raises(LedgerUnusable, match="there is no master key"):
        open_office(settings.load(environ), create=True, sandbox=True)
    assert not (tmp_path / "home" / "master.key").exists()
