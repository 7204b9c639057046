"""The unit's mailbox, once: every message is matched with a request, recorded once, and filed. Nothing is deleted.

A message belongs to a request when it answers one of our messages (In-Reply-To, References, a delivery report),
names our request id, or carries a reference that the provider gave and comes from where that provider's replies
come from. What belongs to none (another unit's, unknown, too large, gone round in circles) stays for a person in
`Holdfast/Unmatched`.

Recorded first, filed after, under the request's lease: a crash in between files the message on the next pass and
records nothing twice, because it is known by the digest of its bytes. Holdfast never answers a message, so no loop
can begin here.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from flows.inbox import News, part_lost, proposal_body, proposed, settlement
from flows.mailtrouble import failed, tell, what
from flows.office import Office
from flows.replying import ReplyError, name_no_account
from flows.sweeping import LEASE
from ledger.ids import read_request_id
from ledger.interface import Json, LeaseLost, LedgerBusy, Row
from ledger.vault import Erased
from providers.errors import ConfigurationError
from providers.mail.adapter import our_address
from providers.mail.authentication import denied, passed
from providers.mail.inbound import Inbound, read_inbound
from providers.mail.mailbox import Box, Mailbox, opened
from providers.mail.parts import LARGEST, MIB
from providers.mail.proposals import Proposal, propose, vouched_for
from providers.mail.table import Replies, read_mail_table
from timeline.state import Hold

FILED, UNMATCHED = "Holdfast/Filed", "Holdfast/Unmatched"
MOST = 200
"""Messages filed in one pass; the next pass goes on."""
PATIENCE = 60.0
"""Seconds after which a pass begins no other message: what falls due waits behind it."""
MOST_OPEN = 50
"""Open messages of one request; more is a flood, of which nothing else is taken in that nobody vouches for."""
AUTHSERV = "HOLDFAST_MAIL_AUTHSERV"
CHANNEL = "e-mail"
_DOMAIN = re.compile(r"[a-z0-9.-]{1,253}")


@dataclass(kw_only=True)
class Collected:
    """What a pass did. `unmatched`, `stuck`: why, and how many; `left` and `stuck` wait for the next pass."""

    filed: int = 0
    entered: int = 0
    ours: int = 0
    left: int = 0
    unmatched: Counter[str] = field(default_factory=Counter)
    stuck: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def moved(self) -> int:
        """Messages that are in another folder now."""
        return self.filed + self.ours + sum(self.unmatched.values())


def collect(office: Office, *, most: int = MOST) -> Collected:
    """Read the mailbox once: file at most so many messages, and begin none after `PATIENCE`.

    Raises:
        Unavailable: the mailbox cannot be read now; what was done is recorded, and the next pass goes on.
        ConfigurationError: the mailbox or our own address is not set, or its server refuses us.
        LedgerError: nothing can be recorded.
    """
    environ = office.settings.environ
    box = Box.load(environ, sandbox=office.ledger.sandbox)
    if box is None:
        raise ConfigurationError("HOLDFAST_IMAP is not set: no mailbox is read")
    reading = Reading(office=office, own=our_address(environ).lower(), authserv=environ.get(AUTHSERV, ""))
    done, ends = reading.done, time.monotonic() + PATIENCE
    with opened(box) as mailbox:
        waiting = iter(mailbox.waiting())
        while done.moved < most and time.monotonic() < ends and (uid := next(waiting, None)) is not None:
            reading.alone(mailbox, uid)
        note: dict[str, Json] = {"unmatched": mailbox.count(UNMATCHED), "untold": reading.untold}
    before = office.ledger.last_beat("mail") if done.stuck else None
    note = {**(before[1] if before else {}), **note}
    office.ledger.beat("mail", office.now(), note)
    _tell_unmatched(office, reading, note)
    if done.stuck:
        done.failures += failed(office, "; ".join(f"{many} messages: {why}" for why, many in done.stuck.items()))
    return done


@dataclass(kw_only=True)
class Reading:
    """One pass over the mailbox."""

    office: Office
    own: str
    authserv: str
    done: Collected = field(default_factory=Collected)
    references: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    unread: dict[str, Exception] = field(default_factory=dict)
    untold: int = 0

    def __post_init__(self) -> None:
        beat = self.office.ledger.last_beat("mail")
        before = beat[1].get("untold") if beat else 0
        self.untold = before if isinstance(before, int) else 0

    def alone(self, mailbox: Mailbox, uid: int) -> None:
        """`one`; a message that cannot be worked on stays where it is, and hides no other."""
        try:
            self.one(mailbox, uid)
        except LedgerBusy:
            raise  # nothing can be recorded, of the next one neither
        except Exception as error:
            mailbox.still_there()
            self.done.stuck[what(error)] += 1

    def one(self, mailbox: Mailbox, uid: int) -> None:
        """Match, record and file one message."""
        size = mailbox.size(uid)
        if size is not None and size > LARGEST:
            self._unmatched(mailbox, uid, f"larger than {LARGEST // MIB} MiB, not fetched")
            return
        raw = mailbox.fetch(uid, LARGEST + 1)
        if size is None or raw is None:
            return  # another pass has filed it meanwhile
        message = read_inbound(raw, is_request=_request_in, authserv=self.authserv, own={self.own})
        if message.ours:
            self.done.ours += 1
            mailbox.file(uid, FILED)
            return
        request, why = ("", "goes round in circles") if message.loops else self._match(message)
        if not request:
            self._unmatched(mailbox, uid, why)
            return
        recorded = self._record(request, message, raw)
        if recorded is None:
            self.done.left += 1
        elif recorded:
            self._unmatched(mailbox, uid, recorded)
        else:
            mailbox.file(uid, FILED)
            self.done.filed += 1

    def _unmatched(self, mailbox: Mailbox, uid: int, why: str) -> None:
        self.untold += 1
        self.office.ledger.beat("mail", self.office.now(), {"untold": self.untold})
        mailbox.file(uid, UNMATCHED)
        self.done.unmatched[why] += 1

    # ---- whose is it? -----------------------------------------------------------------------------------

    def _match(self, message: Inbound) -> tuple[str, str]:
        """The request a message belongs to; else "" and why it belongs to none."""
        for request in message.requests:
            if self.office.ledger.row(request) is not None:
                return request, ""
        if message.requests:
            return "", "names a request of another ledger"
        providers = list(self._providers(message))
        found = {request for provider in providers for request in self._by_reference(provider, message)}
        if len(found) == 1:
            return found.pop(), ""
        if not found and (unread := next((self.unread[each] for each in providers if each in self.unread), None)):
            raise unread  # it may belong to that one: it waits until that can be read
        return "", "fits several requests" if found else "names no request of this ledger"

    def _providers(self, message: Inbound) -> Iterator[str]:
        for provider, entry in self.office.catalogue.providers.items():
            where = f"config/providers/{provider}.toml"
            if any(_replies(table, where, message.sender) for table in entry.adapters):
                yield provider

    def _by_reference(self, provider: str, message: Inbound, besides: Collection[str] = ()) -> Iterator[str]:
        """Open requests of a provider one of whose references, `besides` these, the message carries as a word."""
        if provider not in self.references:
            known: dict[str, list[str]] = {}
            for row in self.office.ledger.rows():
                if row.provider == provider:
                    _list(known, row.request, self._references(row))
            self.references[provider] = known
        text = f"{message.subject}\n{message.text[:20_000]}".casefold()
        but = {each.casefold() for each in besides}
        for reference, requests in self.references[provider].items():
            if reference in but or len(reference) < 4:  # noqa: PLR2004
                continue
            if re.search(rf"(?<![\w-]){re.escape(reference)}(?![\w-])", text):
                yield from requests

    def _named(self, hold: Hold, provider: str, message: Inbound, reference: str) -> list[str]:
        """Other open requests of the provider, one of whose references the message carries or would be entered."""
        found = set(self._by_reference(provider, message, besides=hold.references))
        if reference not in hold.references:
            found.update(self.references[provider].get(reference.casefold(), ()))
        return sorted(found - {hold.request})

    def _references(self, row: Row) -> Collection[str]:
        try:
            return self.office.hold(row.request).references
        except LedgerBusy:
            raise
        except Exception as error:  # one bad history must not hide the others
            self.unread[row.provider] = error
            return ()

    # ---- what does it say? ------------------------------------------------------------------------------

    def _record(self, request: str, message: Inbound, raw: bytes) -> str | None:
        """Record a message once. "": recorded; a reason: it is not to be; None: somebody works on the request."""
        office, now = self.office, self.office.now()
        claims = office.ledger.claim(now, owner=office.owner, until=now + LEASE, limit=1, request=request)
        if not claims:
            return None
        try:
            hold = office.hold(request)
            if message.digest in hold.messages:
                return ""
            if hold.erased_at is not None:
                return "about a case that was erased"
            if not (news := self._news(hold, claims[0].provider, message, raw)):
                return f"more than {MOST_OPEN} open messages about one request"
            office.append(request, news, claim=claims[0])
            self.done.entered += len(news) > 2  # noqa: PLR2004 - the message, its settlement, and what it says
            if (known := self.references.get(claims[0].provider)) is not None:
                _list(known, request, office.hold(request).references)
        except LeaseLost:
            return None
        except Erased:
            return "about a case that was erased"
        finally:
            office.ledger.give_back(claims[0])
        return ""

    def _news(self, hold: Hold, provider: str, message: Inbound, raw: bytes) -> News:
        """The message, and what it says at once: nothing, unless it may be trusted. Empty: one more of a flood."""
        office, request = self.office, hold.request
        replies = self._replies_of(hold, provider, message)
        proposal = propose(message, replies)
        faults = list(message.faults)
        others = [each for each in message.requests if each != request and office.ledger.row(each) is not None]
        if others:
            faults.append(f"it names other requests too, and is recorded here alone: {', '.join(others[:10])}")
        if replies is None and not message.deliveries:
            faults.append("its sender is not one that this provider's file names")
        if proposal is not None and proposal.reference and _names_account(office, hold, proposal.reference):
            faults.append("its reference names an account, and is left out")
            doubts = (*proposal.doubts, "its reference was left out")
            proposal = replace(proposal, reference="", doubts=doubts)
        if proposal is not None and proposal.kind == "undelivered":
            doubts = (*proposal.doubts, *part_lost(office, request, proposal, message.deliveries))
            proposal = replace(proposal, doubts=doubts)
        elif proposal is not None and (whose := self._named(hold, provider, message, proposal.reference)):
            faults.append(f"it names a reference that is another request's: {', '.join(whose[:10])}")
            others += whose
        vouched = replies is not None and vouched_for(message, replies)
        news: News = []
        if proposal is not None and not others and self._trusted(message, proposal, replies, vouched=vouched):
            try:
                said = proposal_body(proposal)
                news = [*proposed(office, request, said, source="mail, trusted", alone=True)]
            except ReplyError as error:
                faults.append(f"it could not be entered without a person: {error}")
            else:
                news.append(settlement(message.digest, proposal.kind))
        elif _good_news(message):
            news = [settlement(message.digest, "delivered")]
        if not (news or vouched) and sum(at is not None for at in hold.messages.values()) >= MOST_OPEN:
            return []
        case = str(office.ledger.events(request)[0].body["case"])
        body: dict[str, Json] = {
            "message": message.digest,
            "channel": CHANNEL,
            "raw": office.seal(case, raw, "mail"),
            "size": message.size,
            "from_domain": _domain(office, hold, message.domain),
            "authentication": [
                {"method": each.method, "result": each.result, "domain": _domain(office, hold, each.domain)}
                for each in message.authentication
            ],
            "vouched_for": vouched,
            "automatic": message.automatic,
            "encrypted": message.encrypted,
            "answers": [f"{each.action} {each.sequence}" for each in message.answers if each.request == request],
            "attachments": [
                {"sha256": each.sha256, "size": each.size, "type": each.type} for each in message.attachments
            ],
            "deliveries": [{"action": each.action, "status": each.status} for each in message.deliveries[:20]],
            "faults": list[Json](faults),
        }
        if proposal is not None:
            body["proposal"] = proposal_body(proposal)
        return [("message-received", body), *news]

    def _replies_of(self, hold: Hold, provider: str, message: Inbound) -> Replies | None:
        """What is known of the replies of whoever this request went to, if the sender may be theirs."""
        try:
            routes = self.office.routes(hold, provider)
        except ConfigurationError:  # the provider's file is gone, so nobody is known to write for it
            return None
        for route in routes:
            if found := _replies(route.table, route.where, message.sender):
                return found
        return None

    def _trusted(self, message: Inbound, proposal: Proposal, replies: Replies | None, *, vouched: bool) -> bool:
        """Whether a message counts without a person.

        A reply does where the provider's file says so, our own server vouches for its domain, and nothing about it is
        in doubt. A report that a message could not be delivered does where it comes from our own mail domain, our
        server vouches for that, and it has no return path: reports of others may be forged.
        """
        if proposal.doubts or message.faults:
            return False
        if proposal.kind == "undelivered":
            ours = self.own.rpartition("@")[2]
            noted = message.authentication
            vouched = passed(noted, "dmarc", ours) or passed(noted, "dkim", ours)
            return message.null_sender and message.domain == ours and vouched and not denied(noted, "dmarc", ours)
        told_until = proposal.kind != "extended" or proposal.held_until is not None
        return replies is not None and replies.trusted and vouched and told_until


def _list(known: dict[str, list[str]], request: str, references: Iterable[str]) -> None:
    for reference in references:
        if request not in (requests := known.setdefault(reference.casefold(), [])):
            requests.append(request)


def _request_in(text: str) -> str | None:
    try:
        return read_request_id(text)
    except ValueError:
        return None


def _replies(table: Mapping[str, object], where: str, sender: str) -> Replies | None:
    if table.get("kind") != "email":
        return None
    replies = read_mail_table(table, where).replies
    return replies if replies.fit(sender) else None


def _names_account(office: Office, hold: Hold, text: str) -> bool:
    try:
        name_no_account(office, hold, reference=text)
    except ReplyError:
        return True
    return False


def _domain(office: Office, hold: Hold, domain: str) -> str:
    """A domain as it may stand in the record: "" for what is none, or is itself an account of the request."""
    return domain if _DOMAIN.fullmatch(domain) and not _names_account(office, hold, domain) else ""


def _good_news(message: Inbound) -> bool:
    """A report that says of every recipient that a message of ours was passed on: nobody need act on it."""
    fine = {"delivered", "relayed", "expanded"}
    return bool(message.deliveries) and all(each.action in fine and each.about for each in message.deliveries)


# ---- telling people ---------------------------------------------------------------------------------------------


def _tell_unmatched(office: Office, reading: Reading, note: dict[str, Json]) -> None:
    """Tell the first level of what waits in the mailbox; what could not be told is told by the next pass."""
    if not reading.untold:
        return
    reasons = "; ".join(f"{count} {why}" for why, count in sorted(reading.done.unmatched.items()))
    because = f"{reading.untold} messages came in that belong to no request" + (f": {reasons}" if reasons else "")
    untold = tell(office, f"{because}. They are in the mail folder {UNMATCHED}.", office.now())
    if untold:
        reading.done.failures.append(untold)
    else:
        office.ledger.beat("mail", office.now(), note | {"untold": 0})


def before_sweep(office: Office) -> list[tuple[str, str]]:
    """Read the mailbox where one is set. Never raises: gives what failed, for the sweep's report.

    A mailbox that cannot be read is noted beside the record; after three passes a person is told, then once a day.
    """
    if not office.settings.environ.get("HOLDFAST_IMAP"):
        return []
    try:
        done = collect(office)
    except LedgerBusy as error:
        return [("", f"mail could not be recorded: {error}")]
    except Exception as error:  # the mail of one provider must not stop what falls due for the others
        return [("", each) for each in failed(office, what(error))]
    return [("", each) for each in done.failures]
