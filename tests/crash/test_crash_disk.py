"""A disk that is full at any write: a clear error, nothing half done, and all goes on when there is space again."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from storm_world import Nursery, SandboxProcess, Storm

pytestmark = pytest.mark.xdist_group("on a clock")

PAGE = 4096


def sweep_on(storm: Storm, nursery: Nursery, **disk: int) -> tuple[int | None, str]:
    """A sweeper on such a disk: how it ended, and what it said."""
    sweeper = nursery.bear(storm.environ, storm.now, **disk)
    return nursery.end(sweeper), nursery.said(sweeper)


@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.soak)])
def test_a_disk_that_takes_no_more_at_any_write(
    folder: Path, nursery: Nursery, outside: SandboxProcess, step: int
) -> None:
    ended: Counter[int | None] = Counter()
    for pages in range(0, 400, step):
        storm = Storm(folder / f"home-{pages}", outside, outside.play(honours_keys=False))
        requests = storm.register(2)
        status, said = sweep_on(storm, nursery, largest_file=pages * PAGE)
        ended[status] += 1
        recovered(storm, nursery, requests, status, said)
        if status == 0:
            break
    assert ended[0] == 1, "it never had space enough"
    assert ended[1] + ended[3] > 3, "the disk was never full"


def recovered(storm: Storm, nursery: Nursery, requests: tuple[str, ...], status: int | None, said: str) -> None:
    """There is space again: everything is done, once."""
    assert status in (0, 1, 3), said
    if status == 3:
        assert "nothing was written" in said or "disk" in said, said
    storm.later(minutes=6)
    storm.finish(nursery)
    assert storm.effects() == Counter((request, "send", 1) for request in requests), said
    assert storm.broken() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB; only some machines let a test have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "holdfast-test", str(folder)], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("this machine gives no small disk to a test")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.soak)])
def test_a_disk_that_is_full_at_any_write(
    folder: Path, small_disk: Path, nursery: Nursery, outside: SandboxProcess, step: int
) -> None:
    shutil.copytree(folder / "config", small_disk / "config")
    ended: Counter[int | None] = Counter()
    for pages in range(0, 200, step):
        storm = Storm(small_disk / "home", outside, outside.play(honours_keys=False))
        requests = storm.register(2)
        fill(small_disk, pages)
        status, said = sweep_on(storm, nursery)
        (small_disk / "filler").unlink()
        ended[status] += 1
        recovered(storm, nursery, requests, status, said)
        shutil.rmtree(storm.home)
        if status == 0:
            break
    assert ended[0] == 1, "it never had space enough"
    assert ended[1] + ended[3] > 3, "the disk was never full"


def fill(disk: Path, pages: int) -> None:
    """Leave so many pages free."""
    free = shutil.disk_usage(disk).free // PAGE
    (disk / "filler").write_bytes(b"\0" * ((free - pages) * PAGE))
