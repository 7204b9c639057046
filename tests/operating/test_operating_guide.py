"""Every marked block of docs/operating.md does what the page says, on a ledger that is lost, moved and erased."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from operating_support import (
    ADMIN_PASSWORD,
    APP_PASSWORD,
    GUIDE,
    ROOT,
    LiveUnit,
    PlayedProviders,
    PostgresServer,
    bare,
    blocks,
    run,
)

from flows.doubts import HistoryLost
from flows.heads import sign_now
from flows.running import run_sweep
from flows.watch import check
from ledger.interface import LedgerUnusable
from ledger.vault import Erased, MasterKey

pytestmark = pytest.mark.xdist_group("on a clock")
ELSEWHERE = ("serve", "deploy", "worker", "limit")
"""Blocks that need a Prefect server: `test_two_machines.py` carries them out."""

ORDER = (
    "first-look",
    "backup",
    "restore",
    "accept",
    "move",
    "postgres-backup",
    "base-backup",
    "postgres-restore",
    "verify",
    "upgrade",
    "rotate",
    "erase",
    "monitoring",
)


class Operator:
    """Somebody who types what the page says, on a machine with a sandbox unit and a PostgreSQL server."""

    def __init__(self, folder: Path, postgres: PostgresServer, played: PlayedProviders) -> None:
        self.unit, self.postgres, self.folder = LiveUnit(folder), postgres, folder
        self.unit.provider("alpha", played.address("alpha"))
        played.trouble("alpha", {})
        self.played = played
        passwords = folder / "passwords"
        passwords.touch(0o600)
        roles = {"postgres": ADMIN_PASSWORD, "holdfast_app": APP_PASSWORD, "holdfast_backup": "a password"}
        passwords.write_text("".join(f"127.0.0.1:*:*:{role}:{word}\n" for role, word in roles.items()))
        for place in ("heads", "keys"):
            (folder / place).mkdir()
        self.environ = bare(
            **self.unit.environ,
            BACKUPS=str(folder / "backups"),
            KEYS=str(folder / "keys"),
            HEADS=str(folder / "heads" / "heads.jsonl"),
            HOLDFAST_HEADS=str(folder / "heads" / "heads.jsonl"),
            SERVER=f"127.0.0.1:{postgres.port}",
            PGPASSFILE=str(passwords),
            APP_PASSWORD=APP_PASSWORD,
            BACKUP_PASSWORD=roles["holdfast_backup"],
        )
        self.environ["PATH"] = f"{postgres.programs}{os.pathsep}{self.environ['PATH']}"
        self.unit.environ |= {"HOLDFAST_HEADS": self.environ["HEADS"]}

    @property
    def home(self) -> Path:
        return Path(self.environ["HOLDFAST_HOME"])

    def has(self, program: str) -> bool:
        """Whether a program runs at all: one that comes with the tests' own PostgreSQL does not everywhere."""
        return subprocess.run([self.postgres.programs / program, "--version"], check=False).returncode == 0

    def types(self, block: str, *, without: str = "") -> str:
        """A block of the page, without the lines of a program that is not here; what it exports holds on."""
        ((_, text),) = blocks(block)
        text = "".join(line for line in text.splitlines(True) if not (without and line.startswith(without)))
        said = run(text, self.environ)
        for name, value in re.findall(r"^export (\w+)=(\S+)$", text, flags=re.MULTILINE):
            self.environ[name] = value.replace("$SERVER", self.environ["SERVER"])
        if ledger := self.environ.get("HOLDFAST_LEDGER"):
            self.unit.environ["HOLDFAST_LEDGER"] = f"{ledger}?passfile={self.environ['PGPASSFILE']}"
        return said

    def sweeps(self) -> None:
        """What a watch would do meanwhile."""
        report, _ = run_sweep(self.unit.settings)
        assert not report.failures

    def head(self) -> tuple[int, str]:
        with self.unit.office() as office:
            return office.ledger.head()

    def as_admin(self, statement: str) -> None:
        with psycopg.connect(self.postgres.admin(), autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def operator(tmp_path: Path, postgres: PostgresServer, played: PlayedProviders) -> Operator:
    return Operator(tmp_path, postgres, played)


def in_order(names: Sequence[str]) -> bool:
    there = [name for name, _ in blocks()]
    return set(there) == {*names, *ELSEWHERE, "postgres-init", "key"} and len(there) == len(set(there))


def test_a_year_of_an_operator_as_the_page_says_it(operator: Operator) -> None:
    unit = operator.unit
    (kept,), (finished,) = unit.register("alpha"), unit.register("alpha")
    assert "nothing is overdue" in operator.types("first-look")
    assert unit.state(kept) == unit.state(finished) == "in-force"

    operator.types("backup")
    (lost,) = unit.register("alpha")
    operator.sweeps()
    with unit.office() as office:
        sign_now(office, office.now())
    for path in (*operator.home.glob("ledger.sqlite*"), *operator.home.glob("master.key*")):
        path.unlink()  # the disk failed after the backup

    operator.types("restore")
    with pytest.raises(HistoryLost):
        operator.sweeps()  # the backup is older than the record was, so nothing is sent
    operator.types("accept")
    with unit.office() as office:
        assert office.ledger.row(lost) is None
    before = operator.head()

    said = operator.types("move")
    assert said.count(before[1]) >= 2, "both ledgers have the same head"
    assert operator.environ["HOLDFAST_LEDGER"].startswith("postgresql://")
    assert not (operator.home / "ledger.sqlite").exists()
    assert operator.head() == before

    operator.types("postgres-backup")
    operator.types("base-backup", without="" if operator.has("pg_verifybackup") else "pg_verifybackup")
    operator.as_admin("DROP DATABASE holdfast WITH (FORCE)")
    with pytest.raises(LedgerUnusable, match="no such database"):
        operator.sweeps()
    operator.types("postgres-restore")
    assert operator.head() == before
    assert "Everything fits" in operator.types("verify")
    operator.sweeps()

    operator.types("upgrade")
    operator.types("rotate")
    assert (Path(operator.environ["KEYS"]) / "master.key").read_bytes() == (operator.home / "master.key").read_bytes()
    assert len(list(operator.home.glob("master.key.old-*"))) == 1

    with unit.office() as office:
        operator.environ |= {"REQUEST": finished, "CASE": office.case(finished)}
    operator.types("erase")
    with unit.office() as office:
        assert office.facts(kept)
        with pytest.raises(Erased):
            office.facts(finished)
    assert [operator.played.effects(request) for request in (kept, finished)] == [1, 1]
    operator.types("monitoring")


def test_a_new_unit_begins_on_a_database_as_the_page_says(operator: Operator) -> None:
    shutil.rmtree(operator.home)
    operator.home.mkdir(0o700)
    operator.as_admin("DROP DATABASE IF EXISTS holdfast WITH (FORCE)")
    assert "operational" in operator.types("postgres-init")
    key = operator.home / "master.key"
    said = operator.types("key")
    assert MasterKey.load(key, {}).id in said
    drawn = key.read_bytes()
    ((_, text),) = blocks("key")
    with pytest.raises(AssertionError, match="cannot overwrite"):
        run(text, operator.environ)
    assert key.read_bytes() == drawn, "a key is never written over"
    status, text = check(operator.unit.settings, datetime.now(UTC))
    assert (status, text) == (1, "no sweep has ever finished: start the watch")


def test_every_marked_block_is_carried_out_somewhere() -> None:
    assert in_order(ORDER)
    fenced = re.findall(r"(<!-- tried: [a-z-]+ -->\n)?```sh\n(.*?)```", GUIDE, flags=re.DOTALL)
    untried = [text for mark, text in fenced if not mark]
    assert all(text.startswith(("useradd", "cp holdfast-", "export BACKUPS")) for text in untried), (
        "a block of commands that nothing carries out"
    )


def test_the_page_names_nothing_that_is_not_there() -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
    for page, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", GUIDE):
        text = (ROOT / "docs" / page).read_text() if page else GUIDE
        titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert anchor in slugs, f"{page}#{anchor}"
