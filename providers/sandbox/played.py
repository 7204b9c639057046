"""One provider as the sandbox plays it: its API over its books, with its faults. No sockets here."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from providers.holdings import Denied, Holdings, Preservation, Promise, Traits
from providers.interface import Action
from providers.sandbox.faults import Dice, rates_of
from providers.template import Json

OVERSIZED = 3 * 1024 * 1024
DENIALS = {"unknown-reference": 404, "expired": 410, "released": 410, "extension-not-granted": 409}
GROUNDS = ("no-legal-basis", "over-broad", "wrong-entity", "needs-judicial-cooperation")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaction:
    """What goes back. `drop`: the connection is broken instead, after `stall` seconds if that is set."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    content_type: str = "application/json"
    retry_after: int | None = None
    drop: bool = False
    stall: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What came in: an HTTP request to one provider, `path` without the provider's prefix."""

    method: str
    path: str
    query: Mapping[str, str]
    key: str
    body: bytes = field(repr=False)

    @classmethod
    def of(cls, method: str, target: str, key: str, body: bytes) -> Call:
        """From a request line's target."""
        url = urlsplit(target)
        return cls(method=method, path=url.path, query=dict(parse_qsl(url.query)), key=key, body=body)

    @property
    def subject(self) -> str:
        """What the dice are thrown for: the key where there is one, else what is asked."""
        return self.key or f"{self.method} {self.path} {sorted(self.query.items())}"


class Wrong(Exception):
    """The client said something that this API does not know."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


Journal = Callable[[str, str, dict[str, Json]], None]


class Played:
    """One provider. Thread-safe.

    Args:
        name: its id; "/p/NAME/v1/…" on the wire.
        seed: of its dice.
        journal: is told (provider, method, arguments) of every change, so that `replay` can repeat it.
    """

    def __init__(self, name: str, *, seed: int, rates: Mapping[str, float], journal: Journal) -> None:
        self.name = name
        self.honours_keys = True
        self.retry_after = 1
        self.holdings = Holdings(name=name)
        self._seed, self._journal = seed, journal
        self.dice = Dice(seed=seed, provider=name, rates=rates)
        self._lock = threading.Lock()
        self._attempts: Counter[str] = Counter()
        self._fired: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()

    def configure(self, wanted: Mapping[str, Any]) -> None:
        """Set faults and ways: `faults`, `hostility`, `honours_keys`, `retry_after`, and those of `Promise`.

        Raises:
            ValueError: a key or a value it does not know; nothing was changed.
        """
        promise = asdict(self.holdings.promise)
        known = {"provider", "faults", "hostility", "honours_keys", "retry_after", *promise}
        if unknown := wanted.keys() - known:
            raise ValueError(f"unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
        faults = wanted.get("faults", {})
        base = rates_of(wanted["hostility"]) if "hostility" in wanted else self.dice.rates
        rates = rates_of(0, {**base, **faults})
        for name in promise:
            if name in wanted:
                value = wanted[name]
                if not (value is None and name == "extensions") and (type(value) is not int or value < 0):
                    raise ValueError(f"{name}: expected a whole number from 0, found {value!r}")
                promise[name] = value
        honours, wait = wanted.get("honours_keys", self.honours_keys), wanted.get("retry_after", self.retry_after)
        if (type(honours), type(wait)) != (bool, int):
            raise ValueError("honours_keys is true or false, retry_after a whole number of seconds")
        with self._lock:
            self.dice = Dice(seed=self._seed, provider=self.name, rates=rates)
            self.honours_keys, self.retry_after = honours, wait
            self.holdings.promise = Promise(**promise)

    def keep(self, request: str) -> None:
        """Keep a request until further notice, as after a call that announces a production order."""
        with self._lock:
            self.holdings.keep(request=request)
            self._journal(self.name, "keep", {"request": request})

    def answer(self, call: Call, now: datetime) -> Reaction:
        """Take in one call and say what goes back; whatever it brings about has happened when this returns."""
        with self._lock:
            self._seen[call.method] += 1
            self._attempts[call.subject] += 1
            attempt = self._attempts[call.subject]
            return self._on_the_way_in(call, attempt) or self._taken_in(call, attempt, now.date())

    def account(self, today: date) -> dict[str, Json]:
        """Everything it keeps and did, for comparing with what a client believes."""
        with self._lock:
            counts = self.holdings.counts()
            keys: dict[tuple[str, Action, int], list[str]] = {}
            for effect in self.holdings.effects:
                keys.setdefault((effect.request, effect.action, effect.sequence), []).append(effect.key)
            effects: list[Json] = [
                {
                    "request": request,
                    "action": str(action),
                    "sequence": sequence,
                    "count": count,
                    "keys": list[Json](keys[request, action, sequence]),
                }
                for (request, action, sequence), count in counts.items()
            ]
            kept = {id(one): one for one in self.holdings.preservations.values()}.values()
            return {
                "requests_seen": dict[str, Json](self._seen),
                "preservations": [{**one.document(today), "extensions": one.extensions} for one in kept],
                "effects": effects,
                "duplicates": [effect for effect in effects if isinstance(effect, dict) and effect["count"] != 1],
                "faults": {name: rate for name, rate in self.dice.rates.items() if rate},
                "fired": dict[str, Json](self._fired),
                "honours_keys": self.honours_keys,
            }

    def _fires(self, fault: str, subject: str, attempt: int = 0) -> bool:
        fired = self.dice.fires(fault, subject, attempt)
        self._fired[fault] += fired
        return fired

    def _on_the_way_in(self, call: Call, attempt: int) -> Reaction | None:
        if self._fires("too-many-requests", call.subject, attempt):
            return _error(429, "too-many-requests", retry_after=self.retry_after)
        if self._fires("unavailable", call.subject, attempt):
            return _error(503, "unavailable", retry_after=self.retry_after)
        return Reaction(drop=True) if self._fires("drop-before-effect", call.subject, attempt) else None

    def _taken_in(self, call: Call, attempt: int, today: date) -> Reaction:
        try:
            status, document = self._do(call, today)
        except Denied as no:
            return _error(DENIALS[no.code], no.code)
        except Wrong as wrong:
            return _error(wrong.status, wrong.code)
        for fault, reaction in (
            ("drop-after-effect", Reaction(drop=True)),
            ("stall-after-effect", Reaction(drop=True, stall=True)),
            ("error-after-effect", _error(500, "internal")),
        ):
            if self._fires(fault, call.subject, attempt):
                return reaction
        body = json.dumps(document).encode("ascii")
        if self._fires("malformed", call.subject, attempt):
            forms = _malformed(document)
            return forms[self.dice.pick("malformed", call.subject, attempt, len(forms))]
        if self._fires("oversized", call.subject, attempt):
            body = body[:-1] + b', "padding": "' + b"x" * OVERSIZED + b'"}'
        return Reaction(status=status, body=body)

    def _do(self, call: Call, today: date) -> tuple[int, dict[str, Json]]:
        parts = [unquote(part) for part in call.path.strip("/").split("/")]
        match call.method, parts:
            case "POST", ["v1", "preservations"]:
                return self._preserve(call, today)
            case "GET", ["v1", "preservations"]:
                found = self.holdings.find(
                    request=call.query.get("request", ""), key=call.query.get("key", ""), today=today
                )
                return 200, {"preservations": [kept.document(today) for kept in found]}
            case "GET", ["v1", "preservations", reference]:
                return self._shown(self._change("poll", reference=reference, today=today), today)
            case "POST", ["v1", "preservations", reference, "extensions"]:
                return self._extend(call, reference, today)
            case ("POST", ["v1", "preservations", reference, "release"]) | (
                "DELETE",
                ["v1", "preservations", reference],
            ):
                body = _body(call) if call.body else {}
                said = {"key": call.key, "sequence": _sequence(body)}
                return self._shown(self._change("release", reference=reference, today=today, **said), today)
        raise Wrong(404, "no-such-path")

    def _preserve(self, call: Call, today: date) -> tuple[int, dict[str, Json]]:
        body = _body(call)
        request, listed = body.get("request"), body.get("items")
        if not isinstance(request, str) or not request or not isinstance(listed, list) or not listed:
            raise Wrong(400, "form")
        items = [_item(entry) for entry in listed]
        known = self.holdings.of_key(call.key) if call.key and self.honours_keys else None
        if known is not None:
            return 200, known.document(today)
        subject = call.key or request
        if self._fires("refuse", subject):
            raise Wrong(422, GROUNDS[self.dice.pick("refuse", subject, 0, len(GROUNDS))])
        kept = self._change(
            "preserve",
            request=request,
            key=call.key,
            sequence=_sequence(body),
            items=items,
            today=today,
            until=_until(body),
            traits=self._traits(subject, items),
        )
        return 201, kept.document(today)

    def _extend(self, call: Call, reference: str, today: date) -> tuple[int, dict[str, Json]]:
        body = _body(call)
        known = self.holdings.of_key(call.key) if call.key and self.honours_keys else None
        if known is not None:
            return 200, known.document(today)
        if self._fires("refuse-extension", call.subject):
            raise Denied("extension-not-granted")
        kept = self._change(
            "extend",
            reference=reference,
            key=call.key,
            sequence=_sequence(body),
            today=today,
            until=_until(body),
            days_short=self._days_short(call.subject),
        )
        return self._shown(kept, today)

    def _shown(self, kept: Preservation, today: date) -> tuple[int, dict[str, Json]]:
        return 200, kept.document(today)

    def _traits(self, subject: str, items: list[str]) -> Traits:
        late = self._fires("late-acknowledgement", subject)
        split = self._fires("split", subject)
        return Traits(
            references=2 + self.dice.pick("split", subject, 0, 2) if split else 1,
            absent=frozenset(item for item in items if self._fires("no-account", item)),
            polls_until_held=1 + self.dice.pick("late", subject, 0, 3) if late else 0,
            days_short=self._days_short(subject),
            forgets=self._fires("forget", subject),
        )

    def _days_short(self, subject: str) -> int:
        return 1 + self.dice.pick("earlier-end", subject, 0, 10) if self._fires("earlier-end", subject) else 0

    def _change(self, method: str, **arguments: Any) -> Preservation:
        kept: Preservation = getattr(self.holdings, method)(**arguments)
        if method != "poll" or kept.polls <= kept.traits.polls_until_held:
            self._journal(self.name, method, {name: _plain(value) for name, value in arguments.items()})
        return kept

    def replay(self, method: str, arguments: Mapping[str, Any]) -> None:
        """Repeat a change that the journal was told of."""
        given = {name: _unplain(name, value) for name, value in arguments.items()}
        getattr(self.holdings, method)(**given)


def _plain(value: Any) -> Json:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Traits):
        return {**asdict(value), "absent": sorted(value.absent)}
    plain: Json = value
    return plain


def _unplain(name: str, value: Any) -> Any:
    if name in ("today", "until") and value:
        return date.fromisoformat(value)
    return Traits(**{**value, "absent": frozenset(value["absent"])}) if name == "traits" else value


def _body(call: Call) -> dict[str, Any]:
    try:
        body = json.loads(call.body)
    except ValueError:
        raise Wrong(400, "form") from None
    if not isinstance(body, dict):
        raise Wrong(400, "form")
    return body


def _item(entry: object) -> str:
    if isinstance(entry, dict) and entry.get("value") and isinstance(item := entry.get("id"), str) and item:
        return item
    raise Wrong(400, "form")


def _sequence(body: Mapping[str, Any]) -> int:
    sequence = body.get("sequence", 1)
    if not isinstance(sequence, int):
        raise Wrong(400, "form")
    return sequence


def _until(body: Mapping[str, Any]) -> date | None:
    said = body.get("hold_until")
    try:
        return date.fromisoformat(said) if said is not None else None
    except (TypeError, ValueError):
        raise Wrong(400, "form") from None


def _error(status: int, code: str, *, retry_after: int | None = None) -> Reaction:
    return Reaction(status=status, body=json.dumps({"error": {"code": code}}).encode(), retry_after=retry_after)


def _malformed(document: dict[str, Json]) -> tuple[Reaction, ...]:
    """The same answer spoiled in every way that must never be taken for one."""
    text = json.dumps(document)
    stranger: Json = [{"id": "no-such-item", "result": "kept"}]
    return (
        Reaction(body=text[: len(text) // 2].encode()),
        Reaction(body=b"<html><body>Thank you for your request.</body></html>", content_type="text/html"),
        Reaction(body=text.encode("utf-16"), content_type="application/json; charset=utf-16"),
        Reaction(body=b"[]"),
        Reaction(body=b""),
        Reaction(body=json.dumps({**document, "status": "splendid", "preservations": None}).encode()),
        Reaction(body=json.dumps({**document, "received_on": "31 June", "preservations": 0}).encode()),
        Reaction(body=json.dumps({**document, "items": stranger, "preservations": ["?"]}).encode()),
        Reaction(body=json.dumps({**document, "references": [7], "preservations": [7, 8]}).encode()),
    )
