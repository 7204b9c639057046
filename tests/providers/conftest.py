from __future__ import annotations

from collections.abc import Iterator

import pytest
from provider_sandbox_process import SandboxProcess


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxProcess]:
    process = SandboxProcess("--seed", "7")
    yield process
    process.stop()
