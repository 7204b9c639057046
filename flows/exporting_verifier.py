"""The stand-alone verifier as one file: the checks, and the rules that they compute with, as they are.

The sources are laid into it in full, readable, one after another; a loader of a few lines imports them from there.
The same version of Holdfast always writes the same file, so that its SHA-256 can be compared with another copy's.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version as installed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CARRIED = ("timeline", "flows/outlook.py", "flows/verifier")
_QUOTES = "'" * 3

BEGINNING = '''\
#!/usr/bin/env python3
"""Checks a bundle that Holdfast exported: python3 verify.py [BUNDLE] [--key KEY] [--head FILE] [--json]

One file, Python 3.11 or later, its standard library only; no network. BUNDLE is the zip file or the folder it was
unpacked into; left out, the folder this file lies in. Status 0: all fits; 1: something does not; 2: not checked.

What follows are the sources of Holdfast {version} that it computes with, in full: the checks (flows/verifier), and
the rules by which states and dates follow from events (timeline). The last lines of the file load and run them.
"""

import sys

if sys.version_info < (3, 11):
    print("verify: Python 3.11 or later is needed, this is " + sys.version.split()[0], file=sys.stderr)
    sys.exit(2)
if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # this file's folder: nothing in a bundle may take the place of a module of Python's own

VERSION = "{version}"
SOURCES = {{}}
'''

END = '''\

import hashlib
import importlib.abc
import importlib.util
import linecache
from pathlib import Path


class Sources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the sources above, and only these, before anything of the same name on this machine."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {"flows", "timeline"}:
            return None
        place = name.replace(".", "/")
        package = any(each.startswith(place + "/") for each in SOURCES)
        source = SOURCES.get(place + "/__init__.py", "") if package else SOURCES.get(place + ".py")
        if source is None:
            raise ModuleNotFoundError(name)
        spec = importlib.util.spec_from_loader(name, self, origin=place, is_package=package)
        spec.loader_state = source
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        source, shown = module.__spec__.loader_state, "verify.py:" + module.__spec__.origin
        linecache.cache[shown] = (len(source), None, source.splitlines(True), shown)
        exec(compile(source, shown, "exec"), module.__dict__)


if __name__ == "__main__":
    sys.meta_path.insert(0, Sources())
    from flows.verifier.command import main

    here = Path(__file__).resolve()
    digest = hashlib.sha256(here.read_bytes()).hexdigest()
    sys.exit(main(sys.argv[1:], beside=here.parent, digest=digest, version=VERSION))
'''


@cache
def verifier() -> bytes:
    """The file `verify.py`."""
    parts = [BEGINNING.format(version=version())]
    for path in _sources():
        name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        if _QUOTES in text or text.endswith(("'", "\\\\")):
            raise ValueError(f"{name}: cannot be laid into the verifier: it has three single quotes in it")
        parts.append(f"\n# ---- {name} " + "-" * (100 - len(name)))
        parts.append(f"\nSOURCES[{name!r}] = r{_QUOTES}{text}{_QUOTES}\n")
    return "".join([*parts, END]).encode()


def version() -> str:
    """Of Holdfast, as installed."""
    return installed("holdfast")


def _sources() -> list[Path]:
    found = []
    for each in CARRIED:
        path = ROOT / each
        found += [path] if path.is_file() else sorted(path.glob("*.py"))
    return found
