"""The sandbox as the tests start it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import urllib.request
from typing import Any

from provider_orders import sandbox_table

from providers.interface import Adapter, Order
from providers.registry import make_adapter


class SandboxProcess:
    """The sandbox as a process of its own, and what a test needs of it."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "providers.sandbox", "--hostility", "0", "--stall", "0.05", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self._names = (f"played-{number}" for number in itertools.count(1))
        self._adapters: list[Adapter] = []

    def play(self, **settings: Any) -> str:
        """A fresh provider with these faults and ways; gives its name."""
        name = next(self._names)
        self.post("/_control/faults", {"provider": name, **settings})
        return name

    def adapter(self, name: str, **table: Any) -> Adapter:
        """The shipped adapter, speaking to a played provider."""
        adapter = make_adapter(
            name,
            {**sandbox_table(), **table},
            where="config/providers/sandbox.toml",
            sandbox=True,
            zone="UTC",
            environ={"HOLDFAST_SANDBOX_URL": f"{self.url}/p/{name}"},
        )
        self._adapters.append(adapter)
        return adapter

    def account(self, name: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_account") as answer:  # noqa: S310
            account: dict[str, Any] = json.load(answer)["providers"][name]
        return account

    def effects(self, name: str, said: Order) -> int:
        """How often the message of an order took effect, by the account."""
        wanted = (said.request, said.action, said.sequence)
        effects = self.account(name)["effects"]
        return sum(each["count"] for each in effects if (each["request"], each["action"], each["sequence"]) == wanted)

    def trouble(self, name: str, faults: dict[str, float]) -> None:
        """Exactly these faults from now on."""
        self.post("/_control/faults", {"provider": name, "hostility": 0, "faults": faults})

    def post(self, path: str, document: object) -> None:
        request = urllib.request.Request(self.url + path, data=json.dumps(document).encode())  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            answer.read()

    def stop(self) -> int:
        for adapter in self._adapters:
            adapter.close()
        if self.process.stdin is not None:
            self.process.stdin.close()
        code = self.process.wait(timeout=5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code
