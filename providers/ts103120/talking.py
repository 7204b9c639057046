"""The line to one provider, and a conversation over it: several messages, one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import Message as Headers
from urllib.parse import urlsplit

from providers.errors import ConfigurationError, OutcomeUnknown, ProviderError, Unreadable, Unsupported
from providers.http import Message, Reply, Transport
from providers.interface import Action, Exchange, Order
from providers.ts103120 import ids
from providers.ts103120.codes import Then, fault_of
from providers.ts103120.hearing import Heard, Response, Task, hear
from providers.ts103120.refusing import by_code, by_status, decisive
from providers.ts103120.saying import Fill, Voice, documents

USER_AGENT = "holdfast"
CHANGE = "change"
"""The part of a conversation that changes something; all others are questions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The way to one provider. `endpoints`: where the message of an act goes, if not to `url`."""

    provider: str
    channel: str
    where: str
    voice: Voice
    transport: Transport = field(repr=False)
    url: str
    endpoints: Mapping[Action, str]

    def message(self, order: Order, part: str, fills: Sequence[Fill]) -> bytes:
        """An HTTP request with one HI1 message.

        Raises:
            Unsupported: nothing would be said, or something that XML cannot carry.
        """
        if not fills:
            raise Unsupported(
                f"{self.provider}: nothing of it would be said: adapter.words and adapter.documents leave it all out"
            )
        try:
            body = self.voice.message(ids.transaction(order, part), order.made_at, fills)
        except ValueError:
            body = b""
        if not body:  # raised outside of `except`: that error may quote the text
            raise Unsupported(f"{self.provider}: a field of the order has characters that XML cannot carry")
        url = self.endpoints.get(order.action, self.url) if part == CHANGE else self.url
        headers = {
            "Host": urlsplit(url).netloc,
            "User-Agent": USER_AGENT,
            "Accept": "application/xml, text/xml",
            "Accept-Encoding": "identity",
            "Content-Type": "application/xml; charset=utf-8",
            "Content-Length": str(len(body)),
        }
        return Message(method="POST", url=url, headers=tuple(headers.items()), body=body).to_bytes()

    def deliver(self, message: bytes) -> Exchange:
        """Send once; raises what `Transport.deliver` raises."""
        try:
            return self._described(self.transport.deliver(message, self.channel))
        except ProviderError as error:
            error.exchange = self._described(error.exchange) if error.exchange else None
            raise

    def _described(self, exchange: Exchange) -> Exchange:
        """With who sent it, and the documents in it."""
        party, body = self.voice.sender, Message.from_bytes(exchange.sent).body
        return replace(exchange, sender=f"{party.country} {party.identifier}", files=documents(body))

    def hear(self, action: Action, exchange: Exchange) -> Response:
        """An answer, whatever it says of its single actions.

        Raises:
            ProviderError, ConfigurationError: what an answer means that is unsuccessful as a whole.
            OutcomeUnknown: what came is no answer to what was sent.
        """
        reply = Reply.from_bytes(exchange.received)
        wait = reply.retry_after(self.transport.clock())
        if not 200 <= reply.status < 300:  # noqa: PLR2004
            raise by_status(
                self.provider, reply.status, where=self.where, action=action, exchange=exchange, wait=wait
            )
        headers = Headers()
        headers["content-type"] = reply.headers.get("content-type", "")
        sent, response, reason = Message.from_bytes(exchange.sent).body, None, ""
        try:
            if reply.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
                raise Unreadable("its answer is compressed, which was not asked for")
            response = hear(sent, reply.body, charset=headers.get_content_charset() or "")
        except Unreadable as error:
            reason = str(error)
        if response is None:
            raise OutcomeUnknown(f"{self.provider}: {reason}", exchange=exchange)
        codes = [each.code for each in response.answers if each.code is not None]
        if response.code is not None:
            raise self.no(action, response.code, exchange, wait)
        if len(codes) == len(response.answers) and fault_of(decisive(codes)).then is Then.AGAIN:
            raise self.no(action, decisive(codes), exchange, wait)
        return response

    def no(
        self, action: Action, code: int, exchange: Exchange, wait: float | None = None
    ) -> ProviderError | ConfigurationError:
        """The error for an error code."""
        return by_code(self.provider, code, where=self.where, action=action, exchange=exchange, wait=wait)


@dataclass(kw_only=True, slots=True)
class Talk:
    """One conversation about one order: its record so far, and what was answered."""

    line: Line
    order: Order
    exchange: Exchange
    responses: list[Response] = field(default_factory=list)

    @classmethod
    def begun(cls, line: Line, order: Order, exchange: Exchange) -> Talk:
        """A conversation whose first message was answered. Raises what `Line.hear` raises."""
        return cls(line=line, order=order, exchange=exchange, responses=[line.hear(order.action, exchange)])

    def ask(self, part: str, fills: Sequence[Fill]) -> None:
        """Say one thing more. What fails carries the record of all that was said."""
        try:
            exchange = self.line.deliver(self.line.message(self.order, part, fills))
            response = self.line.hear(self.order.action, exchange)
        except ProviderError as error:
            error.exchange = joined(self.exchange, error.exchange)
            raise
        self.exchange = joined(self.exchange, exchange)
        self.responses.append(response)

    def answers(self, verb: str) -> dict[str, Heard]:
        """The answers to actions with a verb by the object they are about; the last one counts."""
        return {each.id: each for response in self.responses for each in response.answers if each.verb == verb}

    def absent(self, id_: str) -> bool:
        """Whether the provider says that it has no such object.

        Raises:
            Unavailable: it cannot tell now.
            Unreadable: it tells neither.
        """
        answer = self.answers("GET").get(id_)
        if answer is None:
            raise Unreadable("it does not show an object that was asked for")
        if answer.code is None:
            return False
        then = fault_of(answer.code).then
        if then is Then.AGAIN:
            raise self.line.no(self.order.action, answer.code, self.exchange)
        if then is not Then.ABSENT:
            raise Unreadable(f"it would not show an object (error {answer.code})")
        return True

    def complete_until(self) -> datetime | None:
        """Up to when, by the provider's clock, what it showed has all changes in it; None if that cannot be told.

        What changes after an answer is not earlier than the latest change in it; of several answers the first counts.
        """
        shown = [each for each in self.responses if any(isinstance(one.thing, Task) for one in each.answers)]
        times = [_complete_until(each) for each in shown]
        known = [time for time in times if time is not None]
        return min(known) if known and len(known) == len(times) else None


def _complete_until(response: Response) -> datetime | None:
    """The latest change among the tasks of an answer; None where one does not say when it changed."""
    times = [each.thing.changed_at for each in response.answers if isinstance(each.thing, Task)]
    known = [time for time in times if time is not None]
    return max(known) if len(known) == len(times) else None


def joined(first: Exchange, then: Exchange | None) -> Exchange:
    """Two exchanges as one record: what was sent, one message after the other, and what was answered."""
    if then is None:
        return first
    return replace(
        first,
        sent=first.sent + then.sent,
        files=first.files + then.files,
        received=first.received + then.received,
        received_at=then.received_at or first.received_at,
        status=then.status,
    )
