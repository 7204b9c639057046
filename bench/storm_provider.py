"""The hostile provider of the hold storm, a process of its own: `python -m bench.storm_provider`; prints its address.

One event loop, connections kept open, the least that HTTP/1.1 needs: it must never be what is measured, so the storm
measures its ceiling too (`ceiling`). It speaks as the sandbox does (`providers.sandbox`), for as many providers as
are named in the path, and is hostile to what has an effect, by dice that depend on nothing but the hold and the
attempt:

* 3 % of the messages are answered 503 with `Retry-After: 0`, before any effect;
* of 2 % the effect takes place, and the connection is broken instead of an answer.

It honours no idempotency key: a message that comes twice has two effects, and both are counted. It can be asked
(`GET …/preservations?key=…`). It keeps its own account of every effect, by which the storm counts what was missed
and what was done twice, whatever the contestant believes.

    POST /p/NAME/v1/preservations                         a new hold
    POST /p/NAME/v1/preservations/REFERENCE/extensions    an extension
    GET  /p/NAME/v1/preservations/REFERENCE               how a hold stands
    GET  /p/NAME/v1/preservations?key=KEY                 whether a message has arrived
    GET  /_account                                        the account, in JSON
    POST /_again                                          forgets everything
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

UNAVAILABLE, DROPPED = 0.03, 0.02
HELD_FROM = "2026-01-01"


@dataclass
class Account:
    """What happened. `first_byte`: hold to when its first message began to come in; seconds since the epoch."""

    posts: int = 0
    asked: int = 0
    unavailable: int = 0
    dropped: int = 0
    attempts: dict[str, int] = field(default_factory=dict)
    first_byte: dict[str, float] = field(default_factory=dict)
    effects: dict[str, list[str]] = field(default_factory=dict)  # hold to the keys of its effects
    by_key: dict[str, dict[str, Any]] = field(default_factory=dict)  # key to the document it left
    last_effect: float = 0.0

    def told(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "posts": self.posts,
            "asked": self.asked,
            "unavailable": self.unavailable,
            "dropped": self.dropped,
            "first_byte": self.first_byte,
            "effects": {hold: len(keys) for hold, keys in self.effects.items()},
            "last_effect": self.last_effect,
        }


class Hostile:
    """Answers one call: its bytes, or None for a connection that is broken."""

    def __init__(self, *, calm: bool = False) -> None:
        self.calm = calm
        self.account = Account()

    def answer(self, method: str, target: str, key: str, body: bytes, at: float) -> bytes | None:
        path, _, query = target.partition("?")
        if path == "/_account":
            return _json(200, self.account.told())
        if path == "/_again":
            self.account = Account()
            return _json(200, {})
        _, _, _, _, what, *rest = path.split("/")  # "", p, NAME, v1, preservations, …
        if what != "preservations":
            return _json(404, {"error": {"code": "no-such-path"}})
        if method == "GET":
            self.account.asked += 1
            return self._shown(rest[0] if rest else "", parse_qs(query).get("key", [""])[0])
        said = json.loads(body)
        hold = rest[0] if rest else f"R-{said['request']}"
        return self._effect(hold, key, said, at)

    def _shown(self, reference: str, key: str) -> bytes:
        if reference:
            return _json(200, _document(reference, {}))
        found = self.account.by_key.get(key)
        return _json(200, {"preservations": [found] if found else []})

    def _effect(self, hold: str, key: str, said: dict[str, Any], at: float) -> bytes | None:
        account = self.account
        account.posts += 1
        attempt = account.attempts[hold] = account.attempts.get(hold, 0) + 1
        account.first_byte.setdefault(hold, at)
        thrown = _thrown(hold, attempt) if not self.calm else 1.0
        if thrown < UNAVAILABLE:
            account.unavailable += 1
            return _json(503, {"error": {"code": "unavailable"}}, "Retry-After: 0\r\n")
        account.effects.setdefault(hold, []).append(key)
        document = account.by_key[key] = _document(hold, said)
        account.last_effect = time.time()
        if thrown < UNAVAILABLE + DROPPED:
            account.dropped += 1
            return None
        return _json(200, document)


def _document(reference: str, said: dict[str, Any]) -> dict[str, Any]:
    until = {"held_until": said["hold_until"]} if said.get("hold_until") else {}
    items = [{"id": each["id"], "result": "kept"} for each in said.get("items", ())]
    held = {"held_from": HELD_FROM, "status": "active", "items": items} | until
    return {"request": reference.removeprefix("R-"), "references": [reference]} | held


def _thrown(hold: str, attempt: int) -> float:
    return int.from_bytes(hashlib.sha256(f"{hold}/{attempt}".encode()).digest()[:8], "big") / 2**64


def _json(status: int, document: dict[str, Any], extra: str = "") -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One connection, kept open; requests one after another."""

    def __init__(self, hostile: Hostile) -> None:
        self._hostile, self._buffer, self._began = hostile, b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        if not self._buffer:
            self._began = time.time()
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            method, target, _ = first.split(" ")
            key = headers.get("idempotency-key", "")
            told = self._hostile.answer(method, target, key, rest[:length], self._began)
            if told is None:
                self._transport.abort()
                return
            self._transport.write(told)


async def _serve(*, calm: bool) -> None:
    loop = asyncio.get_running_loop()
    hostile = Hostile(calm=calm)
    server = await loop.create_server(lambda: Connection(hostile), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it lets go of it
    server.close()


def ceiling(url: str, *, calls: int = 4000, connections: int = 8) -> float:
    """Messages a second that it answers to a client that costs next to nothing: raw sockets, pipelined."""
    host, port = urlsplit(url).hostname, urlsplit(url).port

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        body = b'{"sequence": 1, "hold_until": "2027-06-30"}'
        for call in range(calls // connections):
            head = f"POST /p/x/v1/preservations/ceiling-{number}-{call}/extensions HTTP/1.1\r\nHost: x\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            try:
                answer = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            except (asyncio.IncompleteReadError, OSError):
                reader, writer = await asyncio.open_connection(host, port)
        writer.close()

    async def everyone() -> None:
        await asyncio.gather(*(one(number) for number in range(connections)))

    began = time.perf_counter()
    asyncio.run(everyone())
    return calls / (time.perf_counter() - began)


if __name__ == "__main__":
    asyncio.run(_serve(calm="--calm" in sys.argv))
