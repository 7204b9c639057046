from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_orders import CANARY, order

from providers.interface import Action
from providers.mail.authentication import denied, passed
from providers.mail.compose import Envelope, content, headers
from providers.mail.inbound import Inbound, read_inbound
from providers.mail.parts import LARGEST, text_of_html
from providers.mail.proposals import Proposal, propose, vouched_for
from providers.mail.table import Replies, read_mail_table
from providers.sandbox.mail_desk import UNIT_SERVER, Desk, MailDesk

OWN = "evidence@unit.example"
REQUEST = "HF-0000000000AB"
OTHER = "HF-1111111111AB"
DESK = "desk@letters.example"


def known(text: str) -> str | None:
    """Ids with the right check character, in these tests: those that end in AB."""
    return f"HF-{text[-12:].upper()}" if text.upper().endswith("AB") else None


def read(raw: bytes | EmailMessage, *, authserv: str = UNIT_SERVER) -> Inbound:
    if isinstance(raw, EmailMessage):
        raw = raw.as_bytes(policy=policy.SMTP)
    return read_inbound(raw, is_request=known, authserv=authserv, own={OWN})


def mail(text: str = "Hello.", **fields: str) -> EmailMessage:
    """A message from the desk; underscores in names of fields stand for hyphens."""
    message = EmailMessage()
    for name, value in {"From": f"Desk <{DESK}>", "To": OWN, "Subject": "Re: your request", **fields}.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def sent(action: Action = Action.SEND, **changes: Any) -> bytes:
    """One of our own messages."""
    from plain_letters import PlainLetters

    said = order(action, request=REQUEST, **changes)
    envelope = Envelope(sender=OWN, to=(DESK,), subject="Preservation request {reference}")
    entity = content(said, PlainLetters().write(said))
    return type(entity)(headers=(*headers(said, envelope), *entity.headers), body=entity.body).to_bytes()


# Whose is it?


def test_a_reply_names_the_message_it_answers() -> None:
    found = read(mail(In_Reply_To=f"<{REQUEST}.extend.2@unit.example>"))
    assert [(each.request, each.action, each.sequence) for each in found.answers] == [(REQUEST, "extend", 2)]
    assert found.requests == (REQUEST,)


def test_the_nearest_message_it_answers_comes_first() -> None:
    ids = f"<{REQUEST}.send.1@unit.example> <x@letters.example> <{REQUEST}.extend.1@unit.example>"
    assert [each.action for each in read(mail(References=ids)).answers] == ["extend", "send"]


def test_our_id_is_found_in_the_subject_and_in_the_text_however_it_is_typed() -> None:
    found = read(mail("about HF\u20111111111111AB please", Subject=f"[ticket 7] {REQUEST.lower()}"))
    assert found.requests == (REQUEST, OTHER)
    assert read(mail(Subject=f"AW: {REQUEST} (extend)")).requests == (REQUEST,)


def test_an_id_with_a_wrong_check_character_is_none() -> None:
    assert read(mail(Subject="HF-0000000000AC")).requests == ()
    assert read(mail(In_Reply_To="<HF-0000000000AC.send.1@unit.example>")).requests == ()


def test_a_message_id_made_elsewhere_is_not_ours() -> None:
    assert read(mail(In_Reply_To=f"<{REQUEST}.send.1@other.example>")).answers == ()


def test_our_own_mail_is_known_as_ours() -> None:
    assert read(sent()).ours
    assert read(mail(From=f"Evidence desk <{OWN.upper()}>", Message_ID="<7@UNIT.example>")).ours  # told to our people
    assert not read(mail()).ours
    assert not read(mail(Message_ID="<7@unit.example>")).ours


def test_what_only_looks_like_ours_is_not_and_that_is_said() -> None:
    found = read(sent().replace(b"From: evidence@", b"From: desk@"))
    assert (found.ours, found.faults) == (False, ("it carries a Message-ID of ours",))
    found = read(mail(From=OWN, Message_ID="<7@letters.example>"))
    assert (found.ours, found.faults) == (False, ("it is written in our name, and not by us",))


@pytest.mark.parametrize(
    "fields",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"List_Id": "<news.letters.example>"},
        {"X_Autoreply": "yes"},
    ],
)
def test_what_a_machine_wrote_is_known_as_automatic(fields: dict[str, str]) -> None:
    assert read(mail(**fields)).automatic


def test_what_a_person_wrote_is_not_automatic() -> None:
    assert not read(mail(Auto_Submitted="no")).automatic


def test_a_message_that_went_round_in_circles_is_noticed() -> None:
    assert read(mail(X_Loop=f"me {OWN}")).loops
    hops = b"".join(b"Received: from a by b; now\r\n" for _ in range(51))
    assert read(hops + mail().as_bytes(policy=policy.SMTP)).loops
    assert not read(hops.partition(b"\n")[0] + b"\n" + mail().as_bytes(policy=policy.SMTP)).loops


@pytest.mark.parametrize(
    ("field", "sender"),
    [
        (f"Desk <{DESK}>", DESK),
        (DESK, DESK),
        (f'"police@unit.example" <{DESK}>', DESK),
        (f"{DESK}, evil@elsewhere.example", ""),
        (f"<{DESK}> <evil@elsewhere.example>", ""),
        ("=?utf-8?q?desk=40letters.example?=", ""),
        ("=?utf-8?q?=3Cdesk=40letters.example=3E?= <evil@elsewhere.example>", "evil@elsewhere.example"),
        ("nobody", ""),
        ("", ""),
    ],
)
def test_the_sender_is_one_address_as_it_stands_in_the_field(field: str, sender: str) -> None:
    assert read(f"From: {field}\r\nSubject: x\r\n\r\nHello".encode()).sender == sender


def test_two_senders_fields_are_no_sender() -> None:
    found = read(f"From: {DESK}\r\nFrom: evil@elsewhere.example\r\n\r\nHello".encode())
    assert found.sender == ""
    assert "it names its sender more than once" in found.faults


# Who vouches for it?


def vouching(*fields: str) -> Inbound:
    head = "".join(f"Authentication-Results: {field}\r\n" for field in fields)
    return read(head.encode() + mail().as_bytes(policy=policy.SMTP))


def test_results_of_our_own_server_count() -> None:
    found = vouching(
        f'{UNIT_SERVER} 1; dkim=pass (2048-bit "key" (nested; dmarc=fail)) header.d=letters.example header.s=a;\r\n'
        "\tdmarc=pass (p=reject) header.from=letters.example; spf=softfail smtp.mailfrom=bounce@mail.letters.example"
    ).authentication
    assert [(each.method, each.result, each.domain) for each in found] == [
        ("dkim", "pass", "letters.example"),
        ("dmarc", "pass", "letters.example"),
        ("spf", "softfail", "mail.letters.example"),
    ]
    assert passed(found, "dkim", "letters.example")
    assert passed(found, "dkim", "desk.letters.example")
    assert not passed(found, "dkim", "notletters.example")
    assert not passed(found, "dmarc", "desk.letters.example")
    assert not passed(found, "spf", "mail.letters.example")


def test_a_method_denies_a_domain_where_it_was_tried_and_did_not_pass() -> None:
    found = vouching(
        f"{UNIT_SERVER}; dmarc=none header.from=a.example; dmarc=pass header.from=b.example",
        f"{UNIT_SERVER}; dmarc=fail header.from=b.example; dkim=fail header.d=a.example",
    ).authentication
    assert [denied(found, "dmarc", each) for each in ("a.example", "b.example", "c.example")] == [False, True, False]
    assert denied(vouching(f"{UNIT_SERVER}; dmarc=temperror").authentication, "dmarc", "a.example")  # of whom else?


@pytest.mark.parametrize(
    "fields",
    [
        ("mail.elsewhere.example; dmarc=pass header.from=letters.example",),
        (
            "mail.elsewhere.example; dmarc=pass header.from=letters.example",
            f"{UNIT_SERVER}; dmarc=pass header.from=letters.example",
        ),
        (f"{UNIT_SERVER}.elsewhere.example; dmarc=pass header.from=letters.example",),
        (f'x="{UNIT_SERVER}"; dmarc=pass header.from=letters.example',),
        (f"({UNIT_SERVER};) mail.elsewhere.example; dmarc=pass header.from=letters.example",),
        (f"{UNIT_SERVER}; none",),
        (f"{UNIT_SERVER}; dmarc=passed header.from=letters.example",),
        (f"{UNIT_SERVER}; dmarc=pass header.from=elsewhere.example",),
        (f"{UNIT_SERVER}; dmarc=pass", f"{UNIT_SERVER}; x=y header.from=letters.example"),
        (
            f"{UNIT_SERVER}; dmarc=fail header.from=letters.example",
            f"{UNIT_SERVER}; dmarc=pass header.from=letters.example",
        ),
        (),
    ],
)
def test_nothing_else_vouches_for_anybody(fields: tuple[str, ...]) -> None:
    assert not passed(vouching(*fields).authentication, "dmarc", "letters.example")


REAL = "dkim=none; dmarc=fail header.from=letters.example"
NAMED = "dkim=pass header.d=letters.example; dmarc=pass header.from=letters.example"


@pytest.mark.parametrize(
    "repeated",
    [
        f'spf=pass smtp.mailfrom="a; {NAMED}; x"@elsewhere.example',
        f'spf=pass smtp.mailfrom="a\r\n ; {NAMED}; x"@elsewhere.example',
        rf'spf=pass smtp.mailfrom="a\"; {NAMED}; x"@elsewhere.example',
        rf'spf=pass smtp.mailfrom="a\\\"; {NAMED}; x\\"@elsewhere.example',
        f'spf=pass smtp.mailfrom="a (b"; dkim=none (x; {NAMED})',
        f'dkim=pass header.i="x; {NAMED}; y"@elsewhere.example header.d=elsewhere.example',
        'dkim=pass header.i="x header.d=letters.example y"@elsewhere.example',
        'dkim=pass header.i="x@letters.example"@elsewhere.example',
        "dkim=pass header.i=x.header.d=letters.example@elsewhere.example",
        f"dkim=pass header.i={'x' * 300}.header.d=letters.example@elsewhere.example",
        "dkim=pass header.i=x\u2003header.d=letters.example\u2003y@elsewhere.example",
        "dkim=pass header.i=x\u2028header.d=letters.example\x1cy@elsewhere.example",
        # what a careless server leaves of such a text
        f'spf=pass (from "x) ; {NAMED}; (y"@elsewhere.example) smtp.helo=a.example',
        f'spf=pass smtp.mailfrom="a"; {NAMED}; x"@elsewhere.example',
        f'spf=pass smtp.mailfrom=a"; {NAMED}; x"@elsewhere.example',
        f'spf=pass smtp.mailfrom="a; {NAMED}',
        f"spf=pass (a; {NAMED}",
        f"spf=pass a); {NAMED}",
        f"spf=pass a\\; {NAMED}",
        f"spf=pass x={'y' * 8_000}; {NAMED}",
        f"{NAMED}; dmarc=fail, header.from=letters.example; dkim=fail! header.d=letters.example",
        "; ".join([NAMED] * 21),
    ],
)
def test_what_our_server_repeats_of_others_is_no_result(repeated: str) -> None:
    found = vouching(f"{UNIT_SERVER}; {repeated}").authentication
    assert not passed(found, "dmarc", "letters.example")
    assert not passed(found, "dkim", "letters.example")
    found = vouching(f"{UNIT_SERVER}; {NAMED}", f"{UNIT_SERVER}; {repeated}; {REAL}").authentication
    assert not passed(found, "dmarc", "letters.example")


@pytest.mark.parametrize(
    "field",
    [
        f'"{UNIT_SERVER}" 1 ; dmarc=pass header.from="letters.example"',
        f'{UNIT_SERVER};\r\n\tdmarc=pass\r\n\t(p=none "x" \\) \\")\r\n\theader.from=letters.example;',
        f'(a "b; c" d){UNIT_SERVER}; dmarc = pass reason="because; of (" header.from = letters.example',
        f'{UNIT_SERVER}; spf=pass smtp.mailfrom="a (b"@elsewhere.example; dmarc=pass(x)header.from=letters.example',
    ],
)
def test_quotes_and_comments_hide_nothing_that_our_server_says(field: str) -> None:
    assert passed(vouching(field).authentication, "dmarc", "letters.example")


def test_a_field_of_another_server_may_be_broken() -> None:
    fields = (f"{UNIT_SERVER}; dmarc=pass header.from=letters.example", 'elsewhere.example; dmarc=pass (x "')
    assert passed(vouching(*fields).authentication, "dmarc", "letters.example")


def test_without_a_server_of_ours_nobody_is_believed() -> None:
    raw = f"Authentication-Results: ; dmarc=pass header.from=letters.example\r\nFrom: {DESK}\r\n\r\nx".encode()
    assert read(raw, authserv="").authentication == ()


# What is in it?


def test_attachments_are_kept_with_their_hash_and_never_opened() -> None:
    message = mail()
    archive = b"PK\x03\x04 not even an archive"
    message.add_attachment(archive, "application", "zip", filename="../..\\etc/p\x07asswd \u202efdp.zip")
    (found,) = read(message).attachments
    assert (found.content, found.size) == (archive, len(archive))
    assert found.sha256 == hashlib.sha256(archive).hexdigest()
    assert found.name == "passwd fdp.zip"


def test_a_message_within_a_message_is_an_attachment_and_is_not_looked_into() -> None:
    inner = mail("We received it. Reference R-1", In_Reply_To=f"<{REQUEST}.send.1@unit.example>")
    message = mail("see below")
    message.add_attachment(inner)
    found = read(message)
    assert found.text.strip() == "see below"
    assert found.requests == ()
    assert [each.type for each in found.attachments] == ["message/rfc822"]


def test_hypertext_becomes_text_and_nothing_is_fetched() -> None:
    source = (
        "<html><head><title>t</title><style>p{x:'Reference 1'}</style></head><body><p>Reference&nbsp;R&amp;D-7</p>"
        '<script>alert("x")</script><img src="http://192.0.2.1/track"><table><tr><td>a</td><td>b</td></tr></table>'
    )
    assert text_of_html(source).split() == ["Reference", "R&D-7", "a", "b"]
    message = mail()
    message.set_content(source, subtype="html")
    assert "alert" not in read(message).text


def test_plain_text_goes_before_hypertext() -> None:
    message = mail("plain")
    message.add_alternative("<p>hyper</p>", subtype="html")
    assert read(message).text.strip() == "plain"


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        (b"iso-8859-1", b"re\xe7u", "reçu"),
        (b"windows-1252", b"\x93ok\x94", "“ok”"),
        (b"utf-8", b"re\xc3\xa7u", "reçu"),
        (b"no-such-charset", b"re\xc3\xa7u", "reçu"),
        (b"no-such-charset", b"re\xe7u", "reçu"),
        (b"unicode_escape", rb"\x41", rb"\x41".decode()),
        (b"", b"a\x00b\x07c\xe2\x80\xaed", "abcd"),
    ],
)
def test_text_is_decoded_by_its_charset_or_the_nearest_thing(charset: bytes, raw: bytes, text: str) -> None:
    head = b"From: a@b.example\r\nContent-Type: text/plain; charset=" + charset + b"\r\n\r\n"
    assert read(head + raw).text.strip() == text


def test_an_encoded_subject_is_decoded() -> None:
    found = read(
        b"From: a@b.example\r\nSubject: =?utf-8?b?UmXDp3U=?= =?x?q?a=20b?=\r\n =?utf-8?q?_HF-0000000000AB?=\r\n\r\nx"
    )
    assert found.subject.startswith("Reçu")
    assert found.requests == (REQUEST,)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data",
        b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b',
        b"Content-Type: text/plain",
    ],
)
def test_an_encrypted_reply_is_for_a_person(head: bytes) -> None:
    body = b"--b\r\n\r\nx\r\n--b--" if b"multipart" in head else b"-----BEGIN PGP MESSAGE-----\r\nabc"
    found = read(b"From: a@b.example\r\n" + head + b"\r\n\r\n" + body)
    assert found.encrypted
    assert propose(found, replies(acknowledged=[{"body": ".*"}])) is None


def test_no_value_of_a_message_is_shown_by_its_repr() -> None:
    message = mail(CANARY, Subject=CANARY, From=CANARY)
    message.add_attachment(CANARY.encode(), "text", "csv", filename=f"{CANARY}.csv")
    assert CANARY not in repr(read(message))


# Reports of mail servers


def report(action: str, about: bytes | None = None) -> Inbound:
    from email.parser import BytesParser

    desk = MailDesk(name="x", address=DESK, clock=lambda: datetime(2026, 11, 21, tzinfo=UTC))
    original = BytesParser(policy=policy.default).parsebytes(about or sent())
    return read(b"Return-Path: <>\r\n" + desk.report(original, OWN, action).raw)


@pytest.mark.parametrize(("action", "status"), [("failed", "5.1.1"), ("delayed", "4.4.1"), ("delivered", "2.0.0")])
def test_a_report_says_what_became_of_which_message(action: str, status: str) -> None:
    found = report(action)
    (delivery,) = found.deliveries
    assert (delivery.action, delivery.status) == (action, status)
    assert delivery.recipients == (DESK,)
    assert delivery.about is not None
    assert (delivery.about.request, delivery.about.action) == (REQUEST, "send")
    assert found.requests == (REQUEST,)
    assert found.null_sender
    assert found.automatic


def test_only_a_failure_proposes_that_nothing_arrived() -> None:
    assert propose(report("failed"), None) == Proposal(kind="undelivered", status="5.1.1")
    assert propose(report("delayed"), None) is None
    assert propose(report("delivered"), None) is None


def test_a_report_about_somebody_elses_message_proposes_nothing() -> None:
    other = sent().replace(b"unit.example", b"other.example")
    assert propose(report("failed", other), None) is None


def test_a_report_that_names_our_envelope_alone_is_matched_too() -> None:
    raw = (
        b"From: mailer-daemon@unit.example\r\nContent-Type: multipart/report; report-type=delivery-status; "
        b"boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Original-Envelope-Id: " + REQUEST.encode() + b".extend.3@unit.example\r\n\r\n"
        b"Final-Recipient: rfc822; x@letters.example\r\nAction: failed\r\nStatus: 5.2.2 (full)\r\n\r\n--b--\r\n"
    )
    proposal = propose(read(raw), None)
    assert proposal is not None
    assert (proposal.kind, proposal.action, proposal.sequence) == ("undelivered", "extend", 3)


# What does it say?


def replies(**changes: Any) -> Replies:
    table = {"kind": "email", "to": DESK, "replies": {"from": ["letters.example"], **changes}}
    return read_mail_table(table, "x.toml").replies


ACKNOWLEDGED = (
    r"(?s)received it on (?P<received_on>[\w ]+)\..*reference is (?P<reference>\S+?)\."
    r"(?:.*until (?P<held_until>[\w ]+)\.)?"
)
KNOWN = {
    "acknowledged": [{"body": ACKNOWLEDGED, "date_format": "%d %B %Y"}],
    "refused": [{"subject": "declined", "body": "legal basis", "ground": "no-legal-basis"}],
    "not-found": [{"body": "no such account"}],
}


def test_an_acknowledgement_gives_its_reference_and_days() -> None:
    said = "We received it on 20 November 2026.\nThe reference is LE-77/A.\nKept until 17 February 2027.\n"
    assert propose(read(mail(said)), replies(**KNOWN)) == Proposal(
        kind="acknowledged",
        reference="LE-77/A",
        received_on=date(2026, 11, 20),
        held_until=date(2027, 2, 17),
    )


def test_what_is_quoted_from_us_is_not_what_they_say() -> None:
    quoted = "> received it on 20 November 2026. reference is X."
    assert propose(read(mail(f"Hello.\n{quoted}\n")), replies(**KNOWN)) is None
    forwarded = "Hello.\n----- Original Message -----\nreceived it on 20 November 2026. reference is X.\n"
    assert propose(read(mail(forwarded)), replies(**KNOWN)) is None


ANSWER = "received it on 20 November 2026. The reference is X1."


@pytest.mark.parametrize(
    "head",
    [
        "From: Desk\nSent: Saturday, 21 November 2026",
        "*From:* Desk <desk@letters.example>\n*Date:* 21 Nov 2026",
        "________________________________\nVon: Desk\nGesendet: Samstag",
        "De : Desk\nEnvoy\u00e9 : samedi 21 novembre",
        "De\u00a0: Desk\n\nObjet\u00a0: RE",
        "From: Desk <desk@letters.example>\nTo: Evidence\nSent: Saturday",
        "On 21 Nov 2026, Desk wrote:",
        "Desk wrote:",
        "On Sat, Nov 21, 2026 at 10:00 AM Preservation Desk <\ndesk@letters.example> wrote:",
        "Am 21.11.2026 um 10:00 schrieb Desk <desk@letters.example>:",
        "Am Sa., 21. Nov. 2026 um 10:00 Uhr schrieb Preservation Desk <\ndesk@letters.example>:",
        "Le 21 nov. 2026 \u00e0 10:00, Desk a \u00e9crit\u00a0:",
        "El 21 nov 2026, Desk escribi\u00f3:",
        "Il giorno 21 nov 2026, Desk ha scritto:",
        "Op 21 nov. 2026 om 10:00 schreef Desk <desk@letters.example>:",
        "W dniu 21.11.2026 o 10:00, Desk pisze:",
        "sob., 21 lis 2026 o 10:00 Desk napisa\u0142(a):",
        "Den 21.11.2026 10.00, skrev Desk:",
        "----- Original Message -----",
        "-------- Weitergeleitete Nachricht --------",
        "-----Urspr\u00fcngliche Nachricht-----",
        "-----Message d'origine-----",
    ],
)
def test_nothing_counts_from_where_an_older_message_begins(head: str) -> None:
    assert propose(read(mail(f"Hello.\n\n{head}\n\n{ANSWER}\n")), replies(**KNOWN)) is None
    assert propose(read(mail(f"{ANSWER}\n\n{head}\n\nHello.\n")), replies(**KNOWN)) is not None


@pytest.mark.parametrize(
    "said",
    [
        f"On 20 November 2026 you wrote:\n> Please preserve.\n\n{ANSWER}",
        f"As you wrote on 20 November, it is urgent. It {ANSWER}",
        f"From: 1 October 2026\nTo: 1 November 2026\n{ANSWER}",
        f"--- Preservation desk ---\n{ANSWER}",
    ],
)
def test_what_only_looks_like_an_older_message_hides_no_answer(said: str) -> None:
    assert propose(read(mail(said)), replies(**KNOWN)) is not None


@pytest.mark.parametrize(
    "quotation",
    [
        "<blockquote>{}</blockquote>",
        "<BLOCKQUOTE type='cite'><div>Hello</div><p>{}</p></BLOCKQUOTE>",
        "<blockquote>a<blockquote>b</blockquote>{}</blockquote>",
        "<blockquote>Hello&#10;{}</blockquote>",
        "<blockquote>Hello&#13;{}",
    ],
)
def test_what_hypertext_quotes_is_quoted(quotation: str) -> None:
    def told(source: str) -> Inbound:
        message = mail()
        message.set_content(f"<html><body>{source}</body></html>", subtype="html")
        return read(message)

    quoted = quotation.format(ANSWER)
    assert propose(told(f"<p>Hello.</p>{quoted}"), replies(**KNOWN)) is None
    assert propose(told(f"<p>{ANSWER}</p>{quotation.format('Hello.')}"), replies(**KNOWN)) is not None
    assert propose(told(f"<blockquote>a</blockquote></blockquote><p>{ANSWER}</p>"), replies(**KNOWN)) is not None


def test_what_we_wrote_ourselves_what_circles_and_a_report_are_no_answer() -> None:
    said = "received it on 20 November 2026. The reference is X1."
    assert propose(read(mail(said)), replies(**KNOWN)) is not None
    assert propose(read(mail(said, From=OWN, Message_ID="<7@unit.example>")), replies(**KNOWN)) is None
    assert propose(read(mail(said, X_Loop=OWN)), replies(**KNOWN)) is None
    delayed = report("delayed")
    assert delayed.deliveries
    assert propose(replace(delayed, text=said), replies(**KNOWN)) is None


def test_every_expression_of_a_pattern_must_fit() -> None:
    refused = "There is no legal basis."
    assert propose(read(mail(refused)), replies(**KNOWN)) is None
    found = propose(read(mail(refused, Subject="Request declined")), replies(**KNOWN))
    assert found is not None
    assert (found.kind, found.ground) == ("refused", "no-legal-basis")


def test_the_worse_news_is_proposed_and_the_doubt_told() -> None:
    said = "We received it on 20 November 2026. The reference is X1. There is no such account."
    found = propose(read(mail(said)), replies(**KNOWN))
    assert found is not None
    assert found.kind == "not-found"
    assert found.doubts == ("it also reads like: acknowledged",)


def test_a_day_that_is_none_is_a_doubt_and_not_a_guess() -> None:
    found = propose(read(mail("received it on 31 November 2026. The reference is X1.")), replies(**KNOWN))
    assert found is not None
    assert found.received_on is None
    assert found.doubts == ("its received_on cannot be read as a day",)


def test_a_longer_hold_in_answer_to_an_extension_is_the_extension() -> None:
    said = "received it on 20 November 2026. The reference is X1. Kept until 18 May 2027."
    found = propose(read(mail(said, In_Reply_To=f"<{REQUEST}.extend.1@unit.example>")), replies(**KNOWN))
    assert found is not None
    assert (found.kind, found.action, found.sequence) == ("extended", "extend", 1)


def test_a_sender_who_is_not_the_providers_proposes_nothing() -> None:
    assert replies().fit("Desk@Mail.Letters.example")
    assert not replies().fit("desk@letters.example.elsewhere.example")
    assert not replies().fit("letters.example")
    assert not replies().fit("")


def test_only_the_methods_that_the_table_demands_vouch() -> None:
    found = vouching(f"{UNIT_SERVER}; dmarc=pass header.from=letters.example")
    assert vouched_for(found, replies())
    assert vouched_for(found, replies(authentication=["dmarc"]))
    assert not vouched_for(found, replies(authentication=["dmarc", "dkim"]))


# Hostile mail

HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "NULs": b"\0" * 300_000,
    "no end of the header": b"X: " + b"y" * 600_000,
    "many fields": b"".join(b"X-%d: y\r\n" % number for number in range(5000)) + b"\r\n",
    "many lines": b"\n" * 1_000_000,
    "too large": b"A: b\r\n\r\n" + b"x" * LARGEST,
    "one long line": b"A: b\r\n\r\n" + b"x" * 2_000_000,
    "deep parts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(39)
    )
    + b"x\n" * 100_000,
    "deeper parts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000)
    ),
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 50_000,
    "messages in messages": b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
    "comments": b"From: " + b"(" * 100_000 + b"\r\n\r\n",
    "quotes": b"From: " + b'"\\' * 50_000 + b"\r\n\r\n",
    "routes": b"From: " + b"<@a," * 50_000 + b"\r\n\r\n",
    "encoded words": b"Subject: " + b"=?utf-8?b?" * 20_000 + b"\r\n\r\n",
    "parameters": b"Content-Type: a/b; " + b"x*0*=y;" * 20_000 + b"\r\n\r\n",
    "file names": b"Content-Disposition: attachment; "
    + b"".join(b'filename*%d*="%%41";' % n for n in range(5000))
    + b"\r\n\r\n",
    "half-open tags": b"Content-Type: text/html\r\n\r\n" + b"<script" * 200_000,
    "angle brackets": b"Content-Type: text/html\r\n\r\n" + b"<" * 1_000_000,
    "entities": b"Content-Type: text/html\r\n\r\n" + b"&#9" * 300_000,
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"!=" * 500_000,
    "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 1_000_000,
    "uuencode": b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\n" + b"M" * 500_000,
    "punycode": b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a\xff-" * 300_000,
    "UTF-7": b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + b"+AGE-\xff" * 100_000,
    "results": b"Authentication-Results: mail.unit.example; " + b"a=b(" * 50_000 + b"\r\n\r\n",
    "properties": (b"Authentication-Results: mail.unit.example; " + b"dkim=pass a.b=" * 500 + b"\r\n") * 30 + b"\r\n",
    "references": b"References: " + b"<a@b>" * 40_000 + b"\r\n\r\n",
    "dates": b"Date: " + b"1 " * 100_000 + b"\r\n\r\n",
    "reports": b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: message/delivery-status\r\n\r\n" + b"Action: failed\r\n\r\n" * 50_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_are_read_in_time_into_a_value(raw: bytes) -> None:
    found = read(raw)
    propose(found, replies(**KNOWN))
    assert found.size == len(raw)
    assert found.digest == hashlib.sha256(raw).hexdigest()
    assert len(found.text) <= 100_000
    assert len(found.attachments) <= 100
    json.dumps([found.text, found.subject, found.sender, *found.faults]).encode("ascii")  # no lone surrogate gets out


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("no end of the header", "its header is too long"),
        ("many fields", "its header has too many fields"),
        ("many lines", "it has too many lines or parts"),
        ("too large", "it is too large to be read"),
        ("deep parts", "its parts are nested too deep"),
        ("many parts", "it has too many parts"),
        ("messages in messages", "it cannot be taken apart (RecursionError)"),
        ("base64", "the encoding of a part is broken"),
        ("punycode", "a part names a charset that is none"),
    ],
)
def test_what_is_wrong_with_a_message_is_said(name: str, fault: str) -> None:
    assert fault in read(HOSTILE[name]).faults


def fuzzed() -> list[bytes]:
    desk = MailDesk(name="letters", address=DESK, clock=lambda: datetime(2026, 11, 21, tzinfo=UTC))
    posts = [post.raw for does in (Desk.HOSTILE, Desk.BOUNCE, Desk.OUT_OF_OFFICE) for post in taken(desk, does)]
    rich = mail("Référence LE-1", In_Reply_To=f"<{REQUEST}.send.1@unit.example>", Subject="Re: ünter £")
    rich.add_alternative("<p>x</p>", subtype="html")
    rich.add_attachment(b"\x00\xff" * 200, "application", "zip", filename="é.zip")
    rich.add_attachment(mail("inner"))
    head = f"Authentication-Results: {UNIT_SERVER}; dmarc=pass header.from=letters.example\r\n".encode()
    return [sent(), *posts, head + rich.as_bytes(policy=policy.SMTP)]


def taken(desk: MailDesk, does: Desk) -> list[Any]:
    desk.script = [does]
    return desk.take(sent(), OWN)


CORPUS = fuzzed()
WORDS = [
    b"\r\n",
    b"\n\n",
    b"--=",
    b"boundary=",
    b"\0",
    b"\xff",
    b"=?",
    b"?=",
    b";",
    b'"',
    b"(",
    b"charset=",
    b"\r\nFrom: a@b",
]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(CORPUS) - 1), st.integers(0, 2**32))
def test_a_real_message_with_mistakes_never_raises(which: int, seed: int) -> None:
    chance = random.Random(seed)
    raw = bytearray(CORPUS[which][:6000])
    for _ in range(chance.randrange(1, 12)):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(4):
            case 0:
                raw[at:at] = chance.choice(WORDS)
            case 1:
                del raw[at : at + chance.randrange(1, 60)]
            case 2:
                raw[at:at] = raw[at : at + chance.randrange(1, 300)] * chance.randrange(1, 4)
            case 3 if at < len(raw):
                raw[at] = chance.randrange(256)
    found = read(bytes(raw))
    assert found.size == len(raw)
    propose(found, replies(**KNOWN))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_never_raise(raw: bytes) -> None:
    assert read(raw).size == len(raw)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.text(max_size=100))
def test_any_text_is_shown_without_controls(text: str, subject: str) -> None:
    head = f"Subject: {' '.join(subject.split())}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}"
    found = read(head.encode("utf-8", "replace"))
    assert all(character.isprintable() or character in "\n\t" or character.isspace() for character in found.subject)
    assert not set(found.text) & set("\x00\x07\x1b\x9b\u202e")
