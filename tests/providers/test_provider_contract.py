from __future__ import annotations

from typing import Any, ClassVar

import pytest
from adapter_contract import AdapterContract, MachineAdapterContract, speak
from provider_orders import order, sandbox_table
from provider_sandbox_process import SandboxProcess

from providers.errors import Unsupported
from providers.interface import Action, Adapter, Order
from providers.memory import Behaviour, Does, MemoryProvider
from providers.registry import KINDS, capabilities_of, make_adapter


class TestMemory(MachineAdapterContract):
    kind = "memory"

    scripts: ClassVar[dict[str, tuple[Behaviour, ...]]] = {
        "": (),
        "answer-lost": (Behaviour(does=Does.UNKNOWN),),
        "refuse": (Behaviour(does=Does.REFUSE, ground="no-legal-basis"),),
        "refuse-extension": (Behaviour(does=Does.REFUSE, on=Action.EXTEND, ground="extension-not-granted"),),
        "garbage": (Behaviour(does=Does.GARBAGE),),
        "unavailable": (Behaviour(does=Does.UNAVAILABLE, seconds=17),),
        "delay": (Behaviour(does=Does.DELAY, count=3),),
        "split": (Behaviour(does=Does.SPLIT, count=2),),
        "not-found": (Behaviour(does=Does.NOT_FOUND),),
    }

    def make(self, *, honours_keys: bool = True) -> Adapter:
        return MemoryProvider("memory-mail", idempotent=honours_keys)

    def trouble(self, adapter: Adapter, what: str = "") -> None:
        assert isinstance(adapter, MemoryProvider)
        adapter.follow(*self.scripts[what])

    def effects(self, adapter: Adapter, said: Order) -> int:
        assert isinstance(adapter, MemoryProvider)
        return adapter.effects(said.request, said.action, said.sequence)


class TestRest(MachineAdapterContract):
    kind = "rest"

    faults: ClassVar[dict[str, dict[str, float]]] = {
        "": {},
        "answer-lost": {"drop-after-effect": 1.0},
        "refuse": {"refuse": 1.0},
        "refuse-extension": {"refuse-extension": 1.0},
        "garbage": {"malformed": 1.0},
        "unavailable": {"unavailable": 1.0},
        "delay": {"late-acknowledgement": 1.0},
        "split": {"split": 1.0},
        "not-found": {"no-account": 1.0},
    }

    @pytest.fixture(autouse=True)
    def _sandbox(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox

    def make(self, *, honours_keys: bool = True) -> Adapter:
        name = self.sandbox.play(honours_keys=honours_keys, retry_after=17)
        return self.sandbox.adapter(name, honours_key=honours_keys)

    def trouble(self, adapter: Adapter, what: str = "") -> None:
        self.sandbox.trouble(adapter.provider, self.faults[what])

    def effects(self, adapter: Adapter, said: Order) -> int:
        return self.sandbox.effects(adapter.provider, said)


class TestManual(AdapterContract):
    kind = "manual"

    def make(self, *, honours_keys: bool = True) -> Adapter:
        table = {"kind": "manual", "channel": "portal"}
        return make_adapter("x", table, where="x.toml", sandbox=False, zone="", environ={})

    @pytest.mark.parametrize("action", [Action.SEND, Action.EXTEND, Action.STATUS, Action.RELEASE])
    def test_every_action_goes_to_a_person(self, action: Action) -> None:
        adapter = self.make()
        assert adapter.capabilities.person
        with pytest.raises(Unsupported, match=r"^x cannot be reached by a machine: a person .+ by portal"):
            speak(adapter, order(action))
        with pytest.raises(Unsupported, match="a person asks whether it arrived"):
            adapter.find(order(action))


def _contracts(base: type[AdapterContract]) -> set[str]:
    below = {cls.kind for cls in base.__subclasses__() if "kind" in vars(cls)}
    return below.union(*(_contracts(cls) for cls in base.__subclasses__()))


def test_no_kind_of_adapter_is_missing_from_the_contract() -> None:
    assert _contracts(AdapterContract) == set(KINDS)


def test_every_kind_that_a_machine_speaks_over_keeps_the_whole_contract() -> None:
    tables: dict[str, dict[str, Any]] = {
        "rest": sandbox_table(),
        "manual": {"kind": "manual"},
        "memory": {"kind": "memory"},
    }
    assert set(tables) == set(KINDS)
    machines = {kind for kind, table in tables.items() if not capabilities_of(table, where="x.toml").person}
    assert _contracts(MachineAdapterContract) == machines
