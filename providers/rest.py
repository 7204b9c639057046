"""A provider with a JSON API, described by the `[adapter]` table of its file alone (docs/providers.md)."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode, urlsplit

from providers.auth import WITHHELD
from providers.days import Calendar
from providers.errors import ConfigurationError, OutcomeUnknown, Refused, Unavailable, Unreadable, Unsupported
from providers.http import Message, Reply, Transport
from providers.interface import Action, Adapter, Answer, Exchange, Order, State
from providers.reading import Found, Meaning, What, look, meaning_of, parse_json, read_answer
from providers.table import Operation, RestTable
from providers.template import Json, Said, path_segment

USER_AGENT = "holdfast"


class RestAdapter(Adapter):
    """Says and reads what a table describes. Holds no state besides its connections.

    Args:
        provider: its id, for messages.
        table: what `read_adapter_table` gave.
        base_url: the address, already taken from the environment where the table says so.
        transport: the way to it.
        calendar: the provider's zone and way of writing an end.
    """

    channel = "rest"

    def __init__(
        self, provider: str, table: RestTable, *, base_url: str, transport: Transport, calendar: Calendar
    ) -> None:
        self.provider = provider
        self.capabilities = table.capabilities
        self._table, self._base_url = table, base_url.rstrip("/")
        self._transport, self._calendar = transport, calendar

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _build(self, order: Order) -> bytes:
        return self._message(self._table.operations[order.action], order)

    def _deliver(self, order: Order, message: bytes) -> Exchange:
        return self._transport.deliver(message, self.channel)

    def _read(self, order: Order, exchange: Exchange) -> Answer:
        answer = self._interpret(self._table.operations[order.action], order, exchange)
        if answer is None:  # "absent" is a meaning of find alone, so a table cannot bring this about
            raise OutcomeUnknown(f"{self.provider}: its answer means nothing here", exchange=exchange)
        return answer

    def _find(self, order: Order) -> Answer | None:
        operation = self._table.operations[Action.FIND]
        exchange = self._deliver(order, self._message(operation, order))
        answer = self._interpret(operation, order, exchange)
        if answer is None or operation.names("key"):
            return answer
        return self._judge(order, answer)

    def _judge(self, order: Order, answer: Answer) -> Answer | None:
        """Whether the message took effect, where the provider can only show the request as it stands."""
        if order.action is Action.RELEASE:
            return answer if answer.state in (State.RELEASED, State.EXPIRED, State.NOT_HELD) else None
        if order.action is Action.SEND:
            return answer
        if answer.held_until is not None:
            if order.hold_until is not None and answer.held_until >= order.hold_until:
                return answer
            if order.held_until is not None and answer.held_until > order.held_until:
                return answer
            if answer.held_until == order.held_until:
                return None
        raise OutcomeUnknown(
            f"{self.provider}: what it shows of the hold does not tell whether it was extended",
            exchange=answer.exchange,
        )

    def _message(self, operation: Operation, order: Order) -> bytes:
        if len(order.references) > 1 and operation.names("reference") and not self._table.any_reference:
            raise Unsupported(
                f"{self.provider} split the request into several references and its protocol takes one at a time; "
                f"ask for the {operation.action} of each by hand"
            )
        said = Said(order=order, words=self._table.words)
        url = self._base_url + operation.path.fill_text(said, path_segment)
        query = {name: text for name, value in operation.query.items() if (text := value.fill(said))}
        if query:
            url += "?" + urlencode(query, quote_via=quote)
        body = b""
        headers = {"Host": urlsplit(url).netloc, "User-Agent": USER_AGENT, "Accept": "application/json"}
        headers |= {name: value.fill(said) for name, value in self._table.headers.items()}
        headers |= {name: value.fill(said) for name, value in operation.headers.items()}
        headers["Accept-Encoding"] = "identity"
        if self._table.idempotency_header and operation.action not in (Action.STATUS, Action.FIND):
            headers[self._table.idempotency_header] = order.key
        if operation.body is not None:
            body = json.dumps(operation.body.fill(said), separators=(",", ":")).encode("ascii")
            headers["Content-Type"] = operation.content_type
        if operation.method != "GET":
            headers["Content-Length"] = str(len(body))
        headers |= dict.fromkeys(self._transport.auth.header_names, WITHHELD)
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise Unsupported(f"{self.provider}: a field has characters that no header can carry")
        return Message(method=operation.method, url=url, headers=tuple(headers.items()), body=body).to_bytes()

    def _interpret(self, operation: Operation, order: Order, exchange: Exchange) -> Answer | None:
        """The answer in our words; None if `find` finds nothing. Raises what the table says it means."""
        reply = Reply.from_bytes(exchange.received)
        try:
            return self._answer(operation, order, exchange, reply)
        except Unreadable as error:
            reason = str(error)
        raise OutcomeUnknown(f"{self.provider}: {reason}", exchange=exchange)

    def _answer(self, operation: Operation, order: Order, exchange: Exchange, reply: Reply) -> Answer | None:
        reading = operation.reading
        meaning = operation.meaning(reply.status, retry_after="retry-after" in reply.headers)
        document: Json = None
        if meaning.what is What.READ:
            document = self._one(operation, _json(reply))
            if document is None:
                return None
            meaning = meaning_of(reading.state, reading.states, document)
        else:
            meaning = self._by_error(operation, reply, meaning)
            if operation.action is Action.FIND and meaning.what is What.REFUSED:
                # The search was refused, which says nothing of the message that is searched for.
                raise Unreadable(f"it would not be asked (status {reply.status})")
        if meaning.what is What.ABSENT:
            return None
        if not isinstance(meaning.what, State):
            raise self._error(meaning, exchange, reply)
        if document is None and reply.status < 300 and reply.body.strip():  # noqa: PLR2004
            document = _json(reply)
        # Where a code says it all there may be no body, and that of an error speaks of the error.
        found = Found() if document is None else read_answer(reading, document, order, self._calendar)
        return Answer(
            state=meaning.what,
            references=found.references,
            received_on=found.received_on,
            held_from=found.held_from,
            held_until=found.held_until,
            items=found.items,
            exchange=exchange,
        )

    def _one(self, operation: Operation, document: Json) -> Json:
        """The request within what was found; None if nothing was."""
        if operation.found is None:
            if document is None:
                raise Unreadable("its answer is empty")
            return document
        found = look(operation.found, document)
        if found == []:
            return None
        if isinstance(found, list) and len(found) > 1:
            raise Unreadable("it has more than one such request; a person must look which one counts")
        one: Json = found[0] if isinstance(found, list) else found  # type: ignore[assignment]
        if one is None:
            raise Unreadable("its answer has another shape than the table describes")
        return one

    def _by_error(self, operation: Operation, reply: Reply, meaning: Meaning) -> Meaning:
        """What the error's own word says, where a status code alone leaves the ground open."""
        reading = operation.reading
        if meaning.what is not What.REFUSED or meaning.ground or reading.error is None:
            return meaning
        try:
            word = look(reading.error, _json(reply))
        except Unreadable:
            return meaning
        return reading.errors.get(word, meaning) if isinstance(word, str) else meaning

    def _error(self, meaning: Meaning, exchange: Exchange, reply: Reply) -> Exception:
        status = f"{self.provider}: it answered with status {reply.status}"
        if meaning.what is What.UNAVAILABLE:
            wait = reply.retry_after(self._transport.clock())
            return Unavailable(f"{status}: not now", retry_after=wait, exchange=exchange)
        if meaning.what is What.REFUSED:
            ground = meaning.ground or ("form" if reply.status in (400, 413, 415, 422) else "other")
            return Refused(f"{status}: refused ({ground})", ground=ground, exchange=exchange)
        if meaning.what is What.MISCONFIGURED:
            what = "our credentials" if reply.status in (401, 403) else "the address"
            return ConfigurationError(f"{status}, which says that {what} in {self._table.where} must be mended")
        return OutcomeUnknown(f"{status}, which does not tell whether it took effect", exchange=exchange)


def _json(reply: Reply) -> Json:
    encoding = reply.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Unreadable("its answer is compressed, which was not asked for")
    return parse_json(reply.body, reply.headers.get("content-type", ""))
