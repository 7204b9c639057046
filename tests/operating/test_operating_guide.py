"""Every marked block of docs/operating.md does what the page says, in its order, on a real ledger that is lost and moved."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from operating_support import (
    ADMIN_PASSWORD,
    APP_PASSWORD,
    GUIDE,
    PROGRAMS,
    ROOT,
    LiveUnit,
    PlayedProviders,
    PostgresServer,
    bare,
    blocks,
    run,
)

pytestmark = pytest.mark.xdist_group("on a clock")
ELSEWHERE = ("deploy", "worker", "limit")
"""Blocks that need a Prefect server: tests/operating/test_two_machines.py carries them out."""

TOLD = (0, 1)
"""How a sweep ends that worked: 1 where somebody was told of something."""

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
        return said

    def holdfast(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command that the page does not say."""
        return subprocess.run(
            [PROGRAMS / "holdfast", *words], env=self.environ, capture_output=True, text=True, check=False
        )

    def head(self) -> tuple[int, str]:
        found = json.loads(self.holdfast("ledger", "--json").stdout)
        return found["events"], found["root"]

    def as_admin(self, statement: str) -> None:
        with psycopg.connect(self.postgres.admin(), autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="module")
def played() -> Iterator[PlayedProviders]:
    running = PlayedProviders()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    running = PostgresServer()
    yield running
    running.close()


@pytest.fixture
def operator(tmp_path: Path, postgres: PostgresServer, played: PlayedProviders) -> Operator:
    return Operator(tmp_path, postgres, played)


def in_order(names: Sequence[str]) -> bool:
    there = [name for name, _ in blocks()]
    return set(there) == {*names, *ELSEWHERE, "postgres-init", "key"} and len(there) == len(set(there))


def test_a_year_of_an_operator_as_the_page_says_it(operator: Operator) -> None:
    unit = operator.unit
    kept, finished = unit.register("alpha", "alpha")
    said = operator.types("first-look")
    assert "nothing is overdue" in said
    assert unit.state(kept) == unit.state(finished) == "in-force"

    operator.types("backup")
    (lost,) = unit.register("alpha")
    assert operator.holdfast("sweep").returncode in TOLD
    assert operator.holdfast("heads", "sign").returncode == 0
    for path in (*operator.home.glob("ledger.sqlite*"), *operator.home.glob("master.key*")):
        path.unlink()  # the disk failed after the backup

    operator.types("restore")
    stopped = operator.holdfast("sweep")
    assert stopped.returncode == 3, "the backup is older than the record was, so nothing is sent"
    assert "heads accept" in stopped.stderr
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
    before = operator.head()
    operator.as_admin("DROP DATABASE holdfast WITH (FORCE)")
    assert operator.holdfast("sweep").returncode == 3
    operator.types("postgres-restore")
    assert operator.head() == before
    assert "Everything fits" in operator.types("verify")
    assert operator.holdfast("sweep").returncode in TOLD

    operator.types("upgrade")
    operator.types("rotate")
    assert (Path(operator.environ["KEYS"]) / "master.key").read_bytes() == (operator.home / "master.key").read_bytes()
    assert len(list(operator.home.glob("master.key.old-*"))) == 1

    shown = json.loads(operator.holdfast("show", finished, "--json").stdout)
    for each in (kept, finished):  # both are of the same case
        if each == kept:
            assert operator.holdfast("release", each, "--because", "The data were produced.").returncode == 0
    operator.environ |= {"REQUEST": finished, "CASE": shown["case"]}
    operator.types("erase")
    assert [request for request in (kept, finished) if operator.played.effects(request) != 1] == []

    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    assert sorted(Path(operator.environ["BACKUPS"]).glob("ledger-*"))[-1].name <= f"ledger-{stamp}.zip"
    operator.types("monitoring")


def test_a_new_unit_begins_on_a_database_as_the_page_says(operator: Operator) -> None:
    shutil.rmtree(operator.home)
    operator.home.mkdir(0o700)
    operator.as_admin("DROP DATABASE IF EXISTS holdfast WITH (FORCE)")
    said = operator.types("postgres-init")
    assert "operational" in said
    said = operator.types("key")
    assert "Key " in said
    again = subprocess.run(
        ["bash", "-c", next(text for name, text in blocks("key")).splitlines()[0]],
        env=operator.environ,
        capture_output=True,
        check=False,
    )
    assert again.returncode != 0, "a key is never written over"
    found = operator.holdfast("watch", "--check")
    assert (found.returncode, "no sweep has ever finished" in found.stderr) == (1, True)


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


