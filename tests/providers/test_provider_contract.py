from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from adapter_contract import AdapterContract, MachineAdapterContract, OneWayAdapterContract, speak
from hi1_bench import Hi1Bench, effects, hi1_table
from mail_servers_support import SmtpServer
from plain_letters import PlainLetters
from provider_orders import CANARY, everything_said, order, sandbox_table
from provider_sandbox_process import SandboxProcess

from providers.errors import Unsupported
from providers.interface import CHANGES, Action, Adapter, Order
from providers.memory import Behaviour, Does, MemoryProvider
from providers.registry import KINDS, capabilities_of, make_adapter
from providers.sandbox.hi1 import Hi1Responder


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
        letters = PlainLetters()
        return make_adapter("x", table, where="x.toml", sandbox=False, zone="", environ={}, letters=letters)

    @pytest.mark.parametrize("action", [action for action in Action if action is not Action.FIND])
    def test_every_action_goes_to_a_person(self, action: Action) -> None:
        adapter = self.make()
        assert adapter.capabilities.person
        with pytest.raises(Unsupported, match=r"^x cannot be reached by a machine: a person .+ by portal") as caught:
            speak(adapter, order(action))
        assert (caught.value.packet is not None) == (action in CHANGES)
        assert CANARY not in everything_said(caught.value)

    def test_whether_it_arrived_a_person_asks_without_a_packet(self) -> None:
        with pytest.raises(Unsupported, match="a person asks whether it arrived") as caught:
            self.make().find(order())
        assert caught.value.packet is None

    @pytest.mark.parametrize("action", sorted(CHANGES))
    def test_the_same_order_gives_the_same_packet(self, action: Action) -> None:
        packets = []
        for adapter in (self.make(), self.make()):
            with pytest.raises(Unsupported) as caught:
                speak(adapter, order(action))
            packets.append(caught.value.packet)
        assert packets[0] == packets[1]
        assert packets[0] is not None
        assert CANARY.encode() in packets[0]


class TestEmail(OneWayAdapterContract):
    kind = "email"

    troubles: ClassVar[dict[str, dict[str, str | None]]] = {
        "": {},
        "unavailable": {".": "451 try later"},
        "broken": {"DATA": None},
        "answer-lost": {".": None},
        "refuse": {"RCPT": "550 nobody here"},
    }

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        with SmtpServer() as self.server:
            yield

    def make(self, *, honours_keys: bool = True) -> Adapter:
        return make_adapter(
            "letter",
            {"kind": "email", "to": "desk@letters.example"},
            where="letter.toml",
            sandbox=True,
            zone="",
            environ=self.server.environ,
            letters=PlainLetters(),
        )

    def trouble(self, adapter: Adapter, what: str = "") -> None:
        self.server.answers = self.troubles[what]

    def arrived(self, adapter: Adapter) -> list[bytes]:
        return self.server.taken


class TestTs103120(MachineAdapterContract):
    kind = "ts103120"
    always_one_effect = "an object identifier names one object: a second CREATE is answered with 3010"

    faults: ClassVar[dict[str, dict[str, float]]] = {
        "": {},
        "answer-lost": {"drop-after-effect": 1},
        "refuse": {"refuse": 1},
        "refuse-extension": {"refuse-extension": 1},
        "garbage": {"garbage": 1},
        "unavailable": {"transient": 1},
        "delay": {"late-acknowledgement": 1},
        "split": {"split": 1},
        "not-found": {"no-account": 1},
    }

    @pytest.fixture(autouse=True)
    def _bench(self, hi1: Hi1Bench) -> None:
        self.bench = hi1
        self.played: dict[int, Hi1Responder] = {}

    def make(self, *, honours_keys: bool = True) -> Adapter:
        responder, adapter = self.bench.pair()
        self.played[id(adapter)] = responder
        return adapter

    def trouble(self, adapter: Adapter, what: str = "") -> None:
        self.played[id(adapter)].trouble(self.faults[what])

    def effects(self, adapter: Adapter, said: Order) -> int:
        return effects(self.played[id(adapter)], said)


def _contracts(base: type[AdapterContract]) -> set[str]:
    below = {cls.kind for cls in base.__subclasses__() if "kind" in vars(cls)}
    return below.union(*(_contracts(cls) for cls in base.__subclasses__()))


def test_no_kind_of_adapter_is_missing_from_the_contract() -> None:
    assert _contracts(AdapterContract) == set(KINDS)


def test_every_kind_that_a_machine_speaks_over_keeps_the_whole_contract() -> None:
    tables: dict[str, dict[str, Any]] = {
        "email": {"kind": "email", "to": "desk@letters.example"},
        "rest": sandbox_table(),
        "manual": {"kind": "manual"},
        "memory": {"kind": "memory"},
        "ts103120": hi1_table(),
    }
    assert set(tables) == set(KINDS)
    able = {kind: capabilities_of(table, where="x.toml") for kind, table in tables.items()}
    machines = {kind for kind, can in able.items() if not can.person}
    answering = {kind for kind in machines if able[kind].status or able[kind].can_find}
    assert _contracts(MachineAdapterContract) == answering
    assert _contracts(OneWayAdapterContract) == machines - answering
