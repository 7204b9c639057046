from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hi1_bench import Hi1Bench
from provider_sandbox_process import SandboxProcess


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxProcess]:
    process = SandboxProcess("--seed", "7")
    yield process
    process.stop()


@pytest.fixture
def hi1(tmp_path: Path) -> Iterator[Hi1Bench]:
    bench = Hi1Bench(tmp_path / "certificates")
    yield bench
    bench.close()
