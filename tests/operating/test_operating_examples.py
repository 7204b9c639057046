"""Service files, environment files and compose.yaml of examples/operating fit each other, Holdfast and Prefect."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from operating_support import EXAMPLES, GUIDE, PROGRAMS, ROOT, bare
from unit_support import Unit as Swept

from flows.deployments import PROCESS_POOL, SERVED, words
from flows.settings import VARIABLES
from flows.watch import STOP_WITHIN

UNITS = sorted(path.name for pattern in ("*.service", "*.timer") for path in EXAMPLES.glob(pattern))
SERVICES = [name for name in UNITS if name.endswith(".service")]
COMPOSE: dict[str, Any] = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
LIBPQ = {"PGPASSFILE", "PGPASSWORD"}


class Unit(RawConfigParser):
    """A unit file, its keys as they are written."""

    def __init__(self, name: str) -> None:
        super().__init__(strict=False, delimiters=("=",))
        self.read(EXAMPLES / name)

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def named(text: str) -> set[str]:
    """The variables that a file sets or proposes."""
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, flags=re.MULTILINE))


def known(variable: str) -> bool:
    """Whether somebody reads a variable."""
    from prefect import settings

    if variable.startswith("PREFECT_"):
        return variable == "PREFECT_PASSWORD_FILE" or hasattr(settings, variable)
    return variable in {*VARIABLES, *LIBPQ, "DO_NOT_TRACK", "POSTGRES_PASSWORD_FILE"}


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they would lie in /etc/systemd/system, with the programs where they are here."""
    folder = tmp_path / "system"
    folder.mkdir()
    for name in UNITS:
        text = (EXAMPLES / name).read_text().replace("/opt/holdfast/.venv/bin", str(PROGRAMS))
        (folder / name).write_text(text.replace("/opt/holdfast", str(ROOT)))
    shutil.copytree(EXAMPLES / "holdfast-.service.d", folder / "holdfast-.service.d")
    return folder


def systemd(folder: Path, *words: str) -> str:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    search = f"{folder}:/lib/systemd/system:/usr/lib/systemd/system"
    done = subprocess.run(
        ["systemd-analyze", *words],
        env=os.environ | {"SYSTEMD_UNIT_PATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong_with_the_units(installed: Path) -> None:
    units = [str(installed / name) for name in UNITS if "@" not in name]
    assert systemd(installed, "verify", "--man=no", *units).strip() == ""


@pytest.mark.parametrize("name", [name for name in SERVICES if "@" not in name])
def test_every_service_is_hardened(installed: Path, name: str) -> None:
    said = systemd(installed, "security", "--offline=yes", "--no-pager", name)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    assert float(found[1]) < 2.0, "of 10"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_runs_and_reads_is_there(name: str) -> None:
    unit = Unit(name)
    assert name.startswith("holdfast-"), "the hardening is for such names"
    program, *words = unit["Service"]["ExecStart"].split()
    path = Path(program.replace("/opt/holdfast/.venv/bin", str(PROGRAMS)).replace("/opt/holdfast", str(ROOT)))
    assert path.exists() or program.startswith("/usr/bin/")
    if path.name == "holdfast":
        assert f"holdfast {' '.join(words)}" in (ROOT / "docs" / "commands.md").read_text()
    for file in unit["Service"].get("EnvironmentFile", "").split():
        assert file.startswith("/etc/holdfast/")
        assert (EXAMPLES / Path(file).name).exists()


def test_prefect_yaml_serves_the_same_list_and_says_no_description_twice() -> None:
    given = {each["entrypoint"]: each for each in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    assert list(given) == [each.entrypoint for each in SERVED]
    for each in SERVED:
        found = given[each.entrypoint]
        assert (found["name"], found["tags"]) == (each.name, list(each.tags))
        assert found["work_pool"] == {"name": PROCESS_POOL, "work_queue_name": each.queue}
        assert found["description"] == f"{{{{ words.{each.function} }}}}"
        assert words()[each.function] == each.description
        assert found.get("concurrency_limit", {}).get("limit") == each.limit
        assert ("schedules" in found) == bool(each.schedule)


def test_a_watch_and_the_forms_have_the_time_they_need_to_stop() -> None:
    assert float(Unit("holdfast-watch.service")["Service"]["TimeoutStopSec"]) > STOP_WITHIN
    assert float(Unit("holdfast-serve.service")["Service"]["TimeoutStopSec"]) > STOP_WITHIN
    assert COMPOSE["services"]["watch"]["stop_grace_period"] == "90s"
    assert STOP_WITHIN < 90


@pytest.mark.parametrize("name", ["environment", "prefect-environment"])
def test_somebody_reads_every_variable_of_an_environment_file(name: str) -> None:
    text = (EXAMPLES / name).read_text()
    assert not [each for each in named(text) if not known(each)]
    assert '"' not in text, "systemd would take it as it is, and a shell would not"


def test_a_container_gets_variables_that_somebody_reads() -> None:
    for name, service in COMPOSE["services"].items():
        assert not [each for each in service.get("environment", {}) if not known(each)], name
    said = set(re.findall(r"\b(?:HOLDFAST|PREFECT)_[A-Z0-9_]+", GUIDE))
    assert not [each for each in said if not known(each)]


def test_containers_wait_for_what_is_healthy_and_declare_what_they_use() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, name
            assert "healthcheck" in services[other], f"{name} waits for {other} for ever"
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        for volume in service.get("volumes", []):
            place, _, _ = volume.partition(":")
            assert place in COMPOSE["volumes"] or place in ("./config", "./database"), f"{name}: {volume}"
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
        shell = service.get("command", [""])[-1]
        assert not re.search(r"(?<!\$)\$(?!\$)", shell), f"{name}: compose itself would read a single $"
        for secret in re.findall(r"/run/secrets/(\w+)", str(service)):
            assert secret in service["secrets"], f"{name} reads {secret}"


def test_every_container_of_ours_is_of_this_version_and_has_no_privilege() -> None:
    ours = {name: each for name, each in COMPOSE["services"].items() if "build" in each}
    assert set(ours) == {"prepare", "prefect", "deploy", "watch", "worker"}
    for name, service in ours.items():
        assert service["image"] == f"holdfast:{VERSION}", name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        build = service["build"]
        assert (EXAMPLES / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).exists()
    assert [ours[name]["deploy"]["replicas"] for name in ("watch", "worker")] == [2, 2]
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert {each["version"] for each in deployments} == {VERSION}


def test_the_shell_in_compose_and_in_the_scripts_can_be_read(tmp_path: Path) -> None:
    texts = [(EXAMPLES / name).read_text() for name in ("backup", "database")]
    texts += [
        each["command"][-1].replace("$$", "$")
        for each in COMPOSE["services"].values()
        if each.get("command", [""])[0] == "sh"
    ]
    assert len(texts) > 5
    for text in texts:
        done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), text


def test_a_backup_warns_of_nothing_where_nothing_is_wrong(tmp_path: Path) -> None:
    unit = Swept(tmp_path)
    unit.play("alpha")
    unit.preserve()
    unit.sweep()
    unit.close()
    target = tmp_path / "backups"
    target.mkdir()
    environ = bare(HOLDFAST_HOME=str(tmp_path / "home"), HOLDFAST_CONFIG=str(tmp_path / "config"))
    done = subprocess.run([EXAMPLES / "backup", target], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
    assert [str(each) for each in target.iterdir()] == [done.stdout.strip()]


def test_a_backup_that_does_not_verify_leaves_nothing_that_looks_like_one(tmp_path: Path) -> None:
    import sqlite3

    home = tmp_path / "home"
    home.mkdir()
    with sqlite3.connect(home / "ledger.sqlite") as connection:
        connection.execute("CREATE TABLE events (seq INTEGER)")
    target = tmp_path / "backups"
    target.mkdir()
    environ = bare(HOLDFAST_HOME=str(home))
    for name in ("there", "missing"):
        if name == "missing":
            (home / "ledger.sqlite").unlink()
        done = subprocess.run([EXAMPLES / "backup", target], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode != 0, name
        assert done.stderr, name
        assert list(target.iterdir()) == [], name
