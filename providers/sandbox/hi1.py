"""A provider that speaks ETSI TS 103 120, played on this machine: HTTPS with certificates on both sides, hostile.

* ``POST /hi1`` takes every HI1 message; ``/hi1/new``, ``/hi1/extension``, ``/hi1/cancellation`` those of a workflow;
* ``GET /_account`` is everything that it keeps and did;
* ``POST /_control/clock``, ``/_control/faults``, ``/_control/keep`` are those of the other sandbox, for one provider;
* ``POST /_control/notify`` ``{"request": ID, "type": [OWNER, NAME, VALUE], "status": WORD, "says": TEXT}`` tells the
  client something unasked: of an order, and with a status of each of its tasks.

Every connection needs a certificate of the authority that it trusts, and who it names (country, common name) must be
the sender of the message. The time of a message is what its header says, so that a client on a simulated clock and
the provider agree on the day; a clock that was stopped, or is given, goes before it.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from providers.errors import Unreadable
from providers.holdings import Holdings, Promise
from providers.http import utc_now
from providers.sandbox.certificates import Certificates
from providers.sandbox.faults import Dice, rates_of
from providers.sandbox.hi1_answers import SPOILED, answer_to, failure, rearranged
from providers.sandbox.hi1_books import TYPES, Books, Outcome
from providers.sandbox.hi1_faults import HI1_WEIGHTS
from providers.sandbox.hi1_rules import Wrong, actions, check_header
from providers.sandbox.hi1_server import LARGEST_MESSAGE, Reaction, TlsServer
from providers.sandbox.server import read_instant
from providers.template import Json
from providers.ts103120.profile import E_EVIDENCE
from providers.ts103120.xml import Element, child, kind_of, parse, text, to_bytes

WORKFLOWS = {"/hi1": (), "/hi1/new": ("CREATE",), "/hi1/extension": ("UPDATE",), "/hi1/cancellation": ("UPDATE",)}
Witness = Callable[[bytes, bytes], None]


class Hi1Responder:
    """A running provider. Use as a context manager, or `close` it.

    Args:
        certificates: of `certificates.throwaway`, or of the same shape.
        name: its id; part of its references.
        country, identifier: who it is in a message's header.
        zone: where it counts days.
        clock: its time; None takes the time of each message from its header.
        seed, hostility, faults: what goes wrong, `HI1_FAULTS`.
        promise: how long it holds, how often it extends.
        retry_after: seconds, with "not now".
        stall: seconds until a stalled connection is broken.
        words: dictionary values ("OWNER/NAME/VALUE") that it takes besides ETSI's; default: the e-Evidence profile's.
        witness: is given every message and what was answered to it, before that is spoiled.

    Attributes:
        url: its address, "https://127.0.0.1:PORT/hi1".
    """

    def __init__(
        self,
        certificates: Certificates,
        *,
        name: str = "sandbox-hi1",
        country: str = "IE",
        identifier: str = "SANDBOX-HI1",
        zone: str = "UTC",
        clock: Callable[[], datetime] | None = None,
        port: int = 0,
        seed: int = 1,
        hostility: float = 0.0,
        faults: Mapping[str, float] | None = None,
        promise: Promise | None = None,
        retry_after: int = 1,
        stall: float = 2.0,
        words: Collection[str] | None = None,
        witness: Witness | None = None,
    ) -> None:
        self.name, self.party, self.zone = name, (country, identifier), ZoneInfo(zone)
        self.retry_after, self.stall, self.stopping = retry_after, stall, threading.Event()
        self._clock, self._witness, self._seed = clock, witness, seed
        self._now: datetime | None = None
        self._last: datetime | None = None
        self._lock = threading.RLock()
        self._seen: Counter[str] = Counter()
        self._fired: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._rates = rates_of(hostility, faults, weights=HI1_WEIGHTS)
        known = [E_EVIDENCE.words.legal_type, E_EVIDENCE.words.announced_status]
        known += [E_EVIDENCE.document(action) for action in E_EVIDENCE.documents]
        own = frozenset(str(each) for each in known if each) if words is None else frozenset(words)
        announced = E_EVIDENCE.words.announced_status
        holdings = Holdings(name=name, promise=promise or Promise())
        self.books = Books(holdings, zone=self.zone, words=own, announced=announced.value if announced else "")
        self._server = TlsServer(port, self, certificates, paths=tuple(WORKFLOWS))
        self.port = int(self._server.server_address[1])
        self.url = f"https://127.0.0.1:{self.port}/hi1"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Hi1Responder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and give back the port."""
        if not self.stopping.is_set():
            self.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def trouble(self, faults: Mapping[str, float]) -> None:
        """Exactly these faults from now on."""
        self.control("faults", {"hostility": 0, "faults": faults})

    def control(self, what: str, wanted: Mapping[str, Any]) -> None:
        """Set clock, faults or promise, keep a request, tell something. `ValueError` says what is wrong."""
        with self._lock:
            if what == "clock":
                self._now = read_instant(str(wanted["now"])) if wanted.get("now") is not None else None
            elif what == "faults":
                self._configure(wanted)
            elif what == "keep":
                self.books.keep(str(wanted["request"]))
            elif what == "notify":
                self._notify(wanted)
            else:
                raise ValueError("there are /_control/clock, /_control/faults, /_control/keep and /_control/notify")

    def _configure(self, wanted: Mapping[str, Any]) -> None:
        promise = asdict(self.books.holdings.promise)
        known = {"provider", "faults", "hostility", "retry_after", *promise}
        if unknown := wanted.keys() - known:
            raise ValueError(f"unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
        base = rates_of(wanted["hostility"], weights=HI1_WEIGHTS) if "hostility" in wanted else self._rates
        self._rates = rates_of(0, {**base, **wanted.get("faults", {})}, weights=HI1_WEIGHTS)
        self.retry_after = int(wanted.get("retry_after", self.retry_after))
        self.books.holdings.promise = Promise(**{name: wanted.get(name, value) for name, value in promise.items()})

    def _notify(self, wanted: Mapping[str, Any]) -> None:
        found = [
            each
            for each in self.books.objects.values()
            if each.kind == TYPES["Authorisation"]
            and text(each.element, "auth:AuthorisationReference").rpartition("/")[2] == wanted["request"]
        ]
        if not found:
            raise ValueError("it has no such request")
        owner, name, value = wanted.get("type", ("ETSI", "NotificationType", "General"))
        tasks = [
            each.id
            for each in self.books.objects.values()
            if each.authorisation == found[0].id and each.kind == TYPES["LPTask"]
        ]
        status = wanted.get("status")
        self.books.notify(
            found[0].id,
            words=(str(owner), str(name), str(value)),
            statuses=dict.fromkeys(tasks, str(status)) if status else {},
            says=str(wanted.get("says", "")),
            now=self._time(),
        )

    def _time(self) -> datetime:
        """The stopped clock's, else the given one's, else that of the last message, else the real one."""
        if self._now is not None:
            return self._now
        return self._clock() if self._clock else (self._last or utc_now())

    def account(self) -> dict[str, Json]:
        """Everything that it keeps and did, in the shape of the other sandbox's account of one provider."""
        with self._lock:
            holdings, today = self.books.holdings, self.books.day(self._time())
            counts = holdings.counts()
            effects: list[Json] = [
                {
                    "request": request,
                    "action": str(action),
                    "sequence": sequence,
                    "count": count,
                    "keys": [
                        each.key
                        for each in holdings.effects
                        if (each.request, each.action, each.sequence) == (request, action, sequence)
                    ],
                }
                for (request, action, sequence), count in counts.items()
            ]
            kept = {id(one): one for one in holdings.preservations.values()}.values()
            return {
                "requests_seen": dict[str, Json](self._seen),
                "preservations": [{**one.document(today), "extensions": one.extensions} for one in kept],
                "effects": effects,
                "duplicates": [each for each in effects if isinstance(each, dict) and each["count"] != 1],
                "faults": {name: rate for name, rate in self._rates.items() if rate},
                "fired": dict[str, Json](self._fired),
                "objects": dict[str, Json](Counter(each.kind for each in self.books.objects.values())),
            }

    def answer(self, path: str, content_type: str, body: bytes, sender: tuple[str, str]) -> Reaction:
        """Take in one message and say what goes back; whatever it brings about has happened when this returns."""
        if len(body) > LARGEST_MESSAGE:
            return Reaction(status=413)
        with self._lock:
            self._seen["POST"] += 1
            return self._answered(path, content_type, body, sender)

    def _answered(self, path: str, content_type: str, body: bytes, sender: tuple[str, str]) -> Reaction:
        message: Element | None = None
        now = self._time()
        try:
            charset = re.search(r"charset\s*=\s*\"?([\w.:-]+)", content_type)
            try:
                message = parse(body, charset=charset[1] if charset else "")
            except Unreadable:
                raise Wrong(3019, "UTF-8 XML is read here, without a document type") from None
            if "xml" not in content_type:
                raise Wrong(3019, "XML is read here")
            stamp = check_header(message, sender=sender, receiver=self.party)
            self._last = stamp
            now = self._time()
            asked = actions(message)
            if any(verb not in (*WORKFLOWS[path], "CREATE") for verb, _ in asked if WORKFLOWS[path]):
                raise Wrong(3000, "this address is for another workflow")
        except Wrong as no:
            failed = failure(message, no.code, no.says, now=now, parties=(sender, self.party))
            return self._written(body, failed, "", changes=False)
        transaction = text(message, "Header/TransactionIdentifier")
        self._attempts[transaction] += 1
        for fault, reaction in (
            ("unavailable", Reaction(status=503, content_type="text/plain", wait=self.retry_after)),
            ("drop-before-effect", Reaction(drop=True)),
        ):
            if self._fires(fault, transaction):
                return reaction
        changes = any(verb in ("CREATE", "UPDATE") for verb, _ in asked)
        if self._fires("transient", transaction):
            later = [Outcome(verb=verb, code=3003, says="later") for verb, _ in asked]
            answer = answer_to(message, later, now=now, zone=self.zone, bare=False)
            return self._written(body, answer, transaction, changes=False, wait=self.retry_after)
        outcomes = self._outcomes(asked, sender, transaction, now, changes=changes)
        bare = self._fires("bare", transaction)
        answer = answer_to(message, outcomes, now=now, zone=self.zone, bare=bare)
        return self._written(body, answer, transaction, changes=changes)

    def _outcomes(
        self,
        asked: list[tuple[str, Element]],
        sender: tuple[str, str],
        transaction: str,
        now: datetime,
        *,
        changes: bool,
    ) -> list[Outcome]:
        if not changes:
            looked = self.books.look(asked, now)
            if self._strikes("no-list", self.name):
                return [
                    Outcome(verb=each.verb, code=3001, says="not here") if each.verb == "LIST" else each
                    for each in looked
                ]
            return looked
        if any(verb not in ("CREATE", "UPDATE") for verb, _ in asked):
            return [Outcome(verb=verb, code=3000, says="a message asks or changes, not both") for verb, _ in asked]
        taken = asked
        if self._strikes("no-documents", self.name):
            taken = [each for each in asked if not _makes_document(each[1])]
        told = iter(self.books.change(taken, owner=sender, transaction=transaction, now=now, fires=self._strikes))
        return [next(told) if each in taken else Outcome(verb=each[0], code=3001, says="not here") for each in asked]

    def _written(
        self, sent: bytes, answer: Element, transaction: str, *, changes: bool, wait: int | None = None
    ) -> Reaction:
        if transaction and self._fires("rearranged", transaction):
            rearranged(answer)
        body = to_bytes(answer)
        if self._witness is not None:
            self._witness(sent, body)
        if not transaction:
            return Reaction(body=body)
        for fault, reaction in (
            ("drop-after-effect", Reaction(drop=True)),
            ("half-answer", Reaction(body=body, cut=True)),
            ("stall", Reaction(drop=True, stall=True)),
        ):
            if (changes or fault != "drop-after-effect") and self._fires(fault, transaction):
                return reaction
        for fault, spoil in SPOILED.items():
            if self._fires(fault, transaction):
                kind = "text/html" if fault == "garbage" else "application/xml"
                return Reaction(body=spoil(answer), content_type=kind)
        return Reaction(body=body, wait=wait)

    def _strikes(self, fault: str, subject: str) -> bool:
        """Of a fault in how something is treated: the same for the same subject whenever it is asked."""
        fired = Dice(seed=self._seed, provider=self.name, rates=self._rates).fires(fault, subject)
        self._fired[fault] += fired
        return fired

    def _fires(self, fault: str, subject: str) -> bool:
        """Of a fault on the wire: another throw at each attempt."""
        dice = Dice(seed=self._seed, provider=self.name, rates=self._rates)
        fired = dice.fires(fault, subject, self._attempts[subject])
        self._fired[fault] += fired
        return fired


def _makes_document(action: Element) -> bool:
    made = child(action, "HI1Object")
    return made is not None and kind_of(made) == TYPES["Document"]
