"""A provider's limit in Prefect: batches of all sweepers wait for their turn, and never for ever."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prefect_support import LiveUnit, PrefectServer, free_port, reply, server

from flows.running import run_sweep

if TYPE_CHECKING:
    from flows.limits import Turns

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("on a clock")]


@pytest.fixture
def client(prefect: PrefectServer) -> Iterator[PrefectServer]:
    """The server, and this process as its client."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: prefect.api}):
        yield prefect


def limited(prefect: PrefectServer, provider: str) -> None:
    prefect.ask("/v2/concurrency_limits/", {"name": f"provider:{provider}", "limit": 1})


def active(prefect: PrefectServer, provider: str) -> int:
    (found,) = (
        each for each in prefect.ask("/v2/concurrency_limits/filter", {}) if each["name"] == f"provider:{provider}"
    )
    return int(found["active_slots"])


async def said(turns: Turns, provider: str) -> str:
    """Take a turn; gives why it was taken without a slot."""
    async with turns.at(provider) as why:
        return why


def test_where_there_is_no_limit_nobody_waits_and_it_is_asked_once(client: PrefectServer) -> None:
    from flows.limits import Turns

    turns = Turns(stop=threading.Event())

    async def twice() -> list[str]:
        return [await said(turns, "nobody") for _ in range(2)]

    assert asyncio.run(twice()) == ["", ""]
    assert turns.free == {"provider:nobody"}


def test_of_two_batches_one_waits_for_the_other(client: PrefectServer) -> None:
    from flows.limits import Turns

    limited(client, "snap")
    order: list[str] = []

    async def one(name: str, begun: asyncio.Event) -> None:
        async with Turns(stop=threading.Event()).at("snap") as why:
            order.append(f"{name} begins{why}")
            begun.set()
            await asyncio.sleep(0.5)
            order.append(f"{name} ends")

    async def both() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(one("first", first))
        await first.wait()
        await asyncio.gather(running, one("second", second))

    asyncio.run(both())
    assert order == ["first begins", "first ends", "second begins", "second ends"]
    assert active(client, "snap") == 0


def test_who_waited_for_long_enough_or_is_to_stop_goes_on_without(client: PrefectServer) -> None:
    from flows.limits import Turns

    limited(client, "busy")
    stop = threading.Event()

    async def both() -> list[str]:
        async with Turns(stop=stop).at("busy") as why:
            assert why == ""
            late = await said(Turns(stop=stop, within=0.5), "busy")
            stop.set()
            return [late, await said(Turns(stop=stop), "busy")]

    late, stopped = asyncio.run(both())
    assert late == "no slot of the limit provider:busy came free in time: going on without one"
    assert stopped == "stopping"


def test_a_server_that_is_gone_limits_nobody_and_costs_its_seconds_once() -> None:
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    from flows.limits import Turns

    turns = Turns(stop=threading.Event())

    async def twice() -> list[str]:
        return [await said(turns, "alpha") for _ in range(2)]

    gone = f"http://127.0.0.1:{free_port()}/api"
    with temporary_settings({PREFECT_API_URL: gone, PREFECT_CLIENT_MAX_RETRIES: 0}):
        first, second = asyncio.run(twice())
    assert first == second == turns.failed
    assert first.startswith("the limit provider:alpha could not be asked for: ")


def test_a_sweep_through_prefect_holds_the_slot_while_it_speaks_to_the_provider(
    prefect: PrefectServer, tmp_path: Path
) -> None:
    held: list[int] = []
    limited(prefect, "limited")

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        held.append(active(prefect, "limited"))
        asked = json.loads(body)
        items = [{"id": each["id"], "result": "kept"} for each in asked["items"]]
        reply(
            handler,
            201,
            json.dumps(
                {"request": asked["request"], "references": ["R-1"], "status": "active", "items": items}
            ).encode(),
        )

    unit = LiveUnit(tmp_path, prefect.api)
    with server(answer) as address:
        unit.provider("limited", address)
        (request,) = unit.register("limited")
        began = time.monotonic()
        report, how = run_sweep(unit.settings)
    assert (how.by, how.because, report.failures) == ("prefect", "", [])
    assert held == [1], f"{request} after {time.monotonic() - began:.0f} s"
    assert active(prefect, "limited") == 0


def test_a_server_that_does_not_answer_keeps_nothing_waiting(
    prefect: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An emergency must go out: it is good manners to ask for a turn, and no more."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows import limits

    monkeypatch.setattr(limits, "ASK_WITHIN", 0.3)
    let_go = threading.Event()

    def silent(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        let_go.wait(5)

    with server(silent) as address, temporary_settings({PREFECT_API_URL: f"{address}/api"}):
        began = time.monotonic()
        why = asyncio.run(said(limits.Turns(stop=threading.Event()), "alpha"))
        took = time.monotonic() - began
        let_go.set()
    assert why == "the limit provider:alpha could not be asked for: TimeoutError"
    assert took < 3
