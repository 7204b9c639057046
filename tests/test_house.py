"""The house is in order: what every file of the repository keeps to."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flows.deployments import SERVED

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("desk", "flows", "timeline", "providers", "ledger")
PACKAGES = sorted(
    ".".join(init.parent.relative_to(ROOT).parts) for room in ROOMS for init in (ROOT / room).rglob("__init__.py")
)
LEFT_OUT = {".git", ".venv", "__pycache__", "node_modules", "results", "build", "dist"}
LONGEST = 400
"""Lines of a file of the product."""


def shipped() -> list[Path]:
    """Every file that belongs to the repository, whether committed yet or not; without git, every file."""
    found = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if found.returncode == 0 and found.stdout:
        paths = [ROOT / name for name in found.stdout.decode().split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not LEFT_OUT & set(path.relative_to(ROOT).parts)]
    return [path for path in paths if path.is_file()]


FILES = shipped()
PROGRAMS = [path for path in FILES if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ROOMS]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_there_are_files_to_look_at() -> None:
    assert len(FILES) > 100
    assert len(PROGRAMS) > 50


def test_no_file_names_the_host_of_a_package_registry() -> None:
    hosts = [b"pypi" + b".org", b"pythonhosted" + b".org", b"npmjs" + b".", b"unpkg" + b".com", b"--index" + b"-url"]
    assert not names([path for path in FILES if any(host in path.read_bytes() for host in hosts)])


def test_no_file_is_a_key_or_holds_one() -> None:
    kinds = {".key", ".pem", ".p12", ".pfx", ".crt", ".sqlite", ".db", ".env"}
    private = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE" + rb" KEY-----\s+[A-Za-z0-9+/]{40}")
    assert not names([path for path in FILES if path.suffix in kinds or path.name in {"id_rsa", ".netrc", ".env"}])
    assert not names([path for path in FILES if private.search(path.read_bytes())])


def test_every_dependency_is_pinned() -> None:
    pinned = {
        canonicalize_name(Requirement(line).name): str(Requirement(line).specifier)
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    }
    asked = [
        *PROJECT["dependencies"],
        *(each for group in PROJECT["optional-dependencies"].values() for each in group),
    ]
    assert not [each for each in asked if canonicalize_name(Requirement(each).name) not in pinned]
    assert not [name for name, version in pinned.items() if not re.fullmatch(r"==[\w.]+", version)]


def test_every_package_imported_is_a_dependency() -> None:
    modules = {
        "yaml": "pyyaml",
        "sqlite_utils": "sqlite-utils",
        "Crypto": "pycryptodome",
        "stdnum": "python-stdnum",
        "re2": "google-re2",
        "proxyprotocol": "proxy-protocol",
    }
    runtime = {canonicalize_name(Requirement(each).name) for each in PROJECT["dependencies"]}
    comes_with = {"pydantic": "prefect", "httpx": "prefect", "urllib3": "requests"}
    missing = set()
    for path in PROGRAMS:
        for node in ast.walk(ast.parse(path.read_text())):
            found = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found = [node.module]
            for module in (each.partition(".")[0] for each in found):
                if module in sys.stdlib_module_names or module in ROOMS:
                    continue
                name = comes_with.get(module, modules.get(module, module))
                if canonicalize_name(name) not in runtime:
                    missing.add(f"{path.relative_to(ROOT)}: {module}")
    assert not missing


def test_nobody_can_upload_it_by_mistake() -> None:
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_which_question_it_answers(package: str) -> None:
    said = importlib.import_module(package).__doc__
    assert said is not None
    assert len(said.split()) > 5
    if package in ROOMS:
        assert said.splitlines()[0].endswith(("?", "Do it now.")), "a room's first line is the question it answers"


def test_no_file_of_the_product_is_too_long_to_read() -> None:
    assert not names([path for path in PROGRAMS if len(path.read_text().splitlines()) > LONGEST])


def test_no_module_is_left_that_nobody_imports() -> None:
    entries = {"desk.cli", "providers.sandbox.__main__"}  # by pyproject.toml, and by `python -m`
    entries |= {each.module for each in SERVED}  # by Prefect
    imported = set()
    for path in [*PROGRAMS, *(path for path in FILES if path.suffix == ".py" and "tests" in path.parts)]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in PROGRAMS if path.stem != "__init__"}
    assert not modules - imported - entries


def test_what_the_desk_imports_for_help_is_click_alone() -> None:
    code = "import sys, desk.cli; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"prefect", "rich", "requests", "sqlite_utils", "apscheduler", "yaml", "cryptography"} & set(loaded)


@pytest.mark.xdist_group("on a clock")
def test_tests_for_which_real_time_counts_run_one_after_the_other(request: pytest.FixtureRequest) -> None:
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@on a clock"), "the groups of tests are not kept"
