from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from mail_servers_support import SENDER, SmtpServer, certificate
from plain_letters import PlainLetters
from provider_orders import CANARY, item, order

from providers.errors import ConfigurationError, OutcomeUnknown, ProviderError, Refused, Unavailable
from providers.interface import Action, Adapter, SentFile
from providers.mail.compose import read_message_id
from providers.mail.smtp import Relay, Talk, hand_over
from providers.registry import check_adapter_table, make_adapter
from providers.sandbox.mail_servers import MailSandbox

REQUEST = "HF-0000000000AB"


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer(features=("SIZE 10000000", "DSN")) as running:
        yield running


def adapter(environ: dict[str, str], *, sandbox: bool = True, letters: bool = True, **table: Any) -> Adapter:
    return make_adapter(
        "letter",
        {"kind": "email", "to": "desk@letters.example", **table},
        where="letter.toml",
        sandbox=sandbox,
        zone="",
        environ=environ,
        letters=PlainLetters() if letters else None,
    )


def parsed(raw: bytes) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    return message


def test_a_message_has_the_letter_and_the_same_for_machines(server: SmtpServer) -> None:
    said = order(request=REQUEST, items=(item(), item("item-2", "192.0.2.7", "ip")), hold_until=date(2027, 2, 18))
    adapter(server.environ).send(said)
    message = parsed(server.taken[0])
    text, letter, document = message.iter_parts()
    assert (letter.get_content_type(), document.get_content_type()) == ("application/pdf", "application/json")
    assert letter.get_content() == PlainLetters().write(said).pdf
    found = json.loads(document.get_content())
    assert found["format"] == "holdfast-preservation-1"
    assert (found["request"], found["action"], found["sequence"]) == (REQUEST, "send", 1)
    assert [(each["type"], each["value"]) for each in found["identifiers"]] == [
        ("email", CANARY),
        ("ip", "192.0.2.7"),
    ]
    assert found["hold_until"] == "2027-02-18"
    assert found["requester"] == {"unit": "Cybercrime Unit, Example Police", "country": "FR"}
    assert REQUEST in text.get_content()
    assert "2027-02-18" in text.get_content()


def test_the_record_names_who_wrote_to_whom_and_every_file(server: SmtpServer, tmp_path: Path) -> None:
    """Reg. (EU) 2023/1543 art. 19(6): sender, recipient, file name, size; also where the message is encrypted."""
    theirs = certificate("desk@letters.example", tmp_path)
    said = order(request=REQUEST)
    sent = adapter(server.environ, certificate=str(theirs["crt"])).send(said).exchange
    letter = PlainLetters().write(said)
    assert (sent.sender, sent.recipient) == (SENDER, "desk@letters.example")
    assert sent.files[0] == SentFile.of(letter.name, letter.pdf)
    assert [each.name for each in sent.files] == [letter.name, "holdfast-request.json"]


def test_no_account_stands_in_the_header_or_in_the_text(server: SmtpServer) -> None:
    adapter(server.environ).send(order(request=REQUEST))
    message = parsed(server.taken[0])
    assert CANARY not in str(message.items())
    assert CANARY not in next(iter(message.iter_parts())).get_content()
    assert not [line for line in server.said if CANARY in line]


def test_the_message_id_names_request_action_and_sequence(server: SmtpServer) -> None:
    speak = adapter(server.environ)
    speak.send(order(request=REQUEST))
    speak.extend(order(Action.EXTEND, request=REQUEST, sequence=2, references=("R-1",), hold_until=date(2027, 5, 19)))
    first, longer = map(parsed, server.taken)
    assert first["Message-ID"] == f"<{REQUEST}.send.1@unit.example>"
    assert longer["Message-ID"] == f"<{REQUEST}.extend.2@unit.example>"
    assert longer["In-Reply-To"] == longer["References"] == first["Message-ID"]
    assert "R-1" in longer["Subject"]
    known = read_message_id(longer["Message-ID"], ["unit.example"])
    assert known is not None
    assert (known.request, known.action, known.sequence) == (REQUEST, "extend", 2)


def test_a_message_id_of_another_unit_is_not_ours() -> None:
    assert read_message_id(f"<{REQUEST}.send.1@other.example>", ["unit.example"]) is None
    assert read_message_id(f"<{REQUEST}.erase.1@unit.example>", ["unit.example"]) is None


def test_a_later_attempt_is_the_same_message_to_its_receiver(server: SmtpServer) -> None:
    speak = adapter(server.environ)
    speak.send(order(request=REQUEST))
    speak.send(order(request=REQUEST, made_at=datetime(2026, 11, 22, tzinfo=UTC)))
    first, second = map(parsed, server.taken)
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] != second["Date"]


def test_it_says_that_a_machine_wrote_it_and_where_answers_go(server: SmtpServer) -> None:
    adapter(server.environ).send(order(request=REQUEST))
    message = parsed(server.taken[0])
    assert message["Auto-Submitted"] == "auto-generated"
    assert (message["From"], message["Reply-To"]) == (SENDER, SENDER)


def test_no_text_of_an_order_can_add_a_header(server: SmtpServer) -> None:
    bad = "R-1\r\nBcc: everybody@example.com"
    said = order(Action.RELEASE, request=REQUEST, references=(bad,), because="Done.\r\nBcc: x@example.com\r.\r\n..")
    adapter(server.environ).release(said)
    message = parsed(server.taken[0])
    assert message["Bcc"] is None
    assert all("\r" not in line for line in server.taken[0].decode("ascii").split("\r\n"))


def test_delivery_reports_are_asked_for_where_the_server_can(server: SmtpServer) -> None:
    adapter(server.environ, to=["desk@letters.example", "second+copy@letters.example"]).send(order(request=REQUEST))
    (mail,) = [line for line in server.said if line.upper().startswith("MAIL")]
    assert f"ENVID={REQUEST}.send.1@unit.example" in mail
    assert "RET=HDRS" in mail
    rcpt = [line for line in server.said if line.upper().startswith("RCPT")]
    assert all("NOTIFY=SUCCESS,FAILURE,DELAY" in line for line in rcpt)
    assert "ORCPT=rfc822;second+2Bcopy@letters.example" in rcpt[1]


def test_a_server_without_delivery_reports_is_not_asked_for_any() -> None:
    with SmtpServer() as plain:
        adapter(plain.environ).send(order())
        assert not [line for line in plain.said if "NOTIFY" in line or "RET=" in line]


def test_nobody_gets_a_message_of_which_one_recipient_is_refused(server: SmtpServer) -> None:
    server.answers = {"RCPT": "550 nobody"}
    with pytest.raises(Refused, match=r"2 of 2 addresses .+ nobody was sent anything"):
        adapter(server.environ, to=["a@letters.example", "b@letters.example"]).send(order())
    assert not server.taken
    assert not [line for line in server.said if line.startswith("DATA")]


@pytest.mark.parametrize(
    ("verb", "answer", "error"),
    [
        ("CONNECT", "421 too busy", Unavailable),
        ("MAIL", "451 later", Unavailable),
        ("MAIL", "552 too large", Refused),
        ("MAIL", "550 who are you", ConfigurationError),
        ("MAIL", None, Unavailable),
        ("RCPT", "450 greylisted", Unavailable),
        ("RCPT", "550 unknown", Refused),
        ("DATA", "451 later", Unavailable),
        ("DATA", "554 never", Refused),
        ("DATA", None, Unavailable),
        (".", "452 full", Unavailable),
        (".", "554 looks like spam", Refused),
        (".", "250 ", None),
        (".", "999 what", OutcomeUnknown),
        (".", "nonsense", OutcomeUnknown),
        (".", None, OutcomeUnknown),
    ],
)
def test_every_answer_of_a_server_is_sorted(
    server: SmtpServer, verb: str, answer: str | None, error: type[Exception] | None
) -> None:
    server.answers = {verb: answer}
    speak = adapter(server.environ)
    if error is None:
        assert speak.send(order()).exchange.status == 250
        return
    with pytest.raises(error) as caught:
        speak.send(order())
    if isinstance(caught.value, ProviderError):
        assert caught.value.exchange is not None
        if answer and answer[0].isdigit():
            assert answer.encode() in caught.value.exchange.received or verb == "CONNECT"


def test_a_server_that_nobody_listens_at_is_unavailable(server: SmtpServer) -> None:
    environ = server.environ
    server.__exit__()
    with pytest.raises(Unavailable, match="cannot be reached"):
        adapter(environ).send(order())


def test_a_server_that_falls_silent_after_the_message_leaves_the_outcome_unknown(server: SmtpServer) -> None:
    server.answers = {".": ""}
    relay = Relay(scheme="smtp", host="127.0.0.1", port=server.port, timeout=0.3)
    with pytest.raises((OutcomeUnknown, Unavailable)) as caught:
        hand_over(
            relay, sender=SENDER, to=["a@b.example"], envelope_id="x", message=b"a: b\r\n\r\nc\r\n", talk=Talk()
        )
    assert isinstance(caught.value, OutcomeUnknown)


def test_a_break_within_a_message_means_that_nothing_was_taken(server: SmtpServer) -> None:
    server.answers = {"HALF": None}
    relay = Relay(scheme="smtp", host="127.0.0.1", port=server.port)
    message = b"a: b\r\n\r\n" + b"x" * 20 * 1024 * 1024  # more than both ends' buffers hold
    with pytest.raises(Unavailable, match="broke the conversation off"):
        hand_over(relay, sender=SENDER, to=["a@b.example"], envelope_id="x", message=message, talk=Talk())


def test_a_line_that_begins_with_a_dot_arrives_as_it_left(server: SmtpServer) -> None:
    relay = Relay(scheme="smtp", host="127.0.0.1", port=server.port)
    message = b"a: b\r\n\r\n.\r\n..x\r\n.y\r\n"
    hand_over(relay, sender=SENDER, to=["a@b.example"], envelope_id="x", message=message, talk=Talk())
    assert server.taken == [message]


# TLS and who we are


def test_it_speaks_tls_and_logs_in_with_the_sandbox() -> None:
    with MailSandbox() as post:
        speak = adapter(post.environ())
        assert speak.send(order(request=REQUEST)).exchange.status == 250
        assert len(post.desk().taken) == 1
        with pytest.raises(ConfigurationError, match="refuses our log-in"):
            adapter(post.environ() | {"HOLDFAST_SMTP_PASSWORD": "wrong"}).send(order())
        with pytest.raises(ConfigurationError, match="cannot be trusted"):
            adapter(post.environ() | {"HOLDFAST_MAIL_CA": ""}).send(order())
        assert len(post.desk().taken) == 1


def test_a_server_that_takes_its_starttls_back_gets_nothing() -> None:
    with SmtpServer() as plain:
        environ = plain.environ | {"HOLDFAST_SMTP": f"smtp+starttls://127.0.0.1:{plain.port}"}
        with pytest.raises(ConfigurationError, match="offers no STARTTLS"):
            adapter(environ).send(order())
        assert not plain.taken


def test_a_server_that_breaks_off_the_handshake_is_unavailable() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate no handshake succeeds
    with SmtpServer(tls=context, features=("STARTTLS",)) as broken:
        environ = broken.environ | {"HOLDFAST_SMTP": f"smtp+starttls://127.0.0.1:{broken.port}"}
        with pytest.raises(Unavailable):
            adapter(environ).send(order())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"HOLDFAST_SMTP": ""}, "HOLDFAST_SMTP: expected .+ and it is not set"),
        ({"HOLDFAST_SMTP": "http://127.0.0.1"}, "HOLDFAST_SMTP: expected"),
        ({"HOLDFAST_SMTP": "smtps://127.0.0.1:x"}, "HOLDFAST_SMTP: expected"),
        ({"HOLDFAST_SMTP": "smtps://mail.example.com"}, "a sandbox ledger mails to 127.0.0.1"),
        ({"HOLDFAST_MAIL_FROM": ""}, "HOLDFAST_MAIL_FROM: expected"),
        ({"HOLDFAST_MAIL_FROM": "Unit <a@example.com>"}, "HOLDFAST_MAIL_FROM: expected"),
        ({"HOLDFAST_SMIME_P12": "/nowhere.p12"}, "HOLDFAST_SMIME_P12: /nowhere.p12: No such file"),
    ],
)
def test_a_wrong_environment_is_told_before_anything_is_sent(
    server: SmtpServer, change: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        adapter(server.environ | change)


def test_an_operational_ledger_speaks_no_plain_smtp(server: SmtpServer) -> None:
    with pytest.raises(ConfigurationError, match="plain smtp:// is for a sandbox"):
        adapter(server.environ, sandbox=False)


def test_an_address_may_come_from_the_environment(server: SmtpServer) -> None:
    speak = adapter(server.environ | {"DESK": "other@letters.example"}, to="env:DESK")
    assert speak.send(order()).exchange.recipient == "other@letters.example"
    with pytest.raises(ConfigurationError, match=r"letter.toml: adapter.to: .+ DESK is not set"):
        adapter(server.environ, to="env:DESK")


def test_a_provider_that_answers_official_domains_only_is_not_written_to_from_another(server: SmtpServer) -> None:
    with pytest.raises(ConfigurationError, match=r"adapter.official_domain_only: .+ is at unit.example"):
        adapter(server.environ | {"HOLDFAST_OFFICIAL_DOMAINS": "police.example.com"}, official_domain_only=True)
    adapter(server.environ | {"HOLDFAST_OFFICIAL_DOMAINS": "x.example, unit.example"}, official_domain_only=True)


def test_without_a_typesetter_it_says_so(server: SmtpServer) -> None:
    with pytest.raises(ConfigurationError, match="nothing here typesets"):
        adapter(server.environ, letters=False).send(order())


# S/MIME, verified and opened by another program


another_reader = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl reads what we sign; it is absent"
)


def openssl(*words: str, input: bytes) -> bytes:  # noqa: A002
    return subprocess.run(["openssl", *words], input=input, capture_output=True, check=True).stdout


@another_reader
def test_a_signed_message_verifies_and_a_changed_one_does_not(server: SmtpServer, tmp_path: Path) -> None:
    ours = certificate(SENDER, tmp_path)
    environ = server.environ | {"HOLDFAST_SMIME_P12": str(ours["p12"]), "HOLDFAST_SMIME_PASSWORD": "secret"}
    adapter(environ).send(order(request=REQUEST))
    check = ("smime", "-verify", "-CAfile", str(ours["crt"]), "-purpose", "any")
    content = openssl(*check, input=server.taken[0])
    assert [part.get_content_type() for part in parsed(content).iter_parts()][1] == "application/pdf"
    changed = server.taken[0].replace(b"application/pdf", b"application/PDF")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(*check, input=changed)


@another_reader
def test_an_encrypted_message_shows_nothing_and_opens_for_the_provider_alone(
    server: SmtpServer, tmp_path: Path
) -> None:
    ours, theirs = certificate(SENDER, tmp_path), certificate("desk@letters.example", tmp_path)
    environ = server.environ | {"HOLDFAST_SMIME_P12": str(ours["p12"]), "HOLDFAST_SMIME_PASSWORD": "secret"}
    adapter(environ, certificate=str(theirs["crt"])).send(order(request=REQUEST))
    raw = server.taken[0]
    assert b".pdf" not in raw
    assert b"pkcs7-mime" in raw
    decrypt = ("smime", "-decrypt", "-recip", str(theirs["crt"]), "-inkey", str(theirs["private"]))
    signed = openssl(*decrypt, input=raw)
    content = openssl("smime", "-verify", "-CAfile", str(ours["crt"]), "-purpose", "any", input=signed)
    assert CANARY.encode() in b"".join(
        part.get_payload(decode=True)
        for part in parsed(content).iter_parts()  # type: ignore[arg-type]
    )
    with pytest.raises(subprocess.CalledProcessError):
        openssl("smime", "-decrypt", "-recip", str(ours["crt"]), "-inkey", str(ours["private"]), input=raw)


def test_a_key_that_others_may_read_or_that_does_not_open_is_refused(server: SmtpServer, tmp_path: Path) -> None:
    ours = certificate(SENDER, tmp_path)
    environ = server.environ | {"HOLDFAST_SMIME_P12": str(ours["p12"]), "HOLDFAST_SMIME_PASSWORD": "wrong"}
    with pytest.raises(ConfigurationError, match=r"HOLDFAST_SMIME_P12: .+: does not open"):
        adapter(environ)
    ours["p12"].chmod(0o644)
    with pytest.raises(ConfigurationError, match="others may read the key"):
        adapter(environ)


def test_a_certificate_that_nothing_can_be_encrypted_for_is_refused(server: SmtpServer, tmp_path: Path) -> None:
    wrong = tmp_path / "desk.crt"
    with pytest.raises(ConfigurationError, match=r"letter.toml: adapter.certificate: .+: No such file"):
        adapter(server.environ, certificate=str(wrong))
    wrong.write_text("no certificate")
    with pytest.raises(ConfigurationError, match=r"letter.toml: adapter.certificate: .+: is no certificate"):
        adapter(server.environ, certificate=str(wrong))


# the table


def problems(**table: Any) -> list[str]:
    return check_adapter_table({"kind": "email", "to": "desk@letters.example", **table}, "letter.toml")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"to": "desk"}, 'letter.toml: adapter.to: expected an address such as "desk@example.com"'),
        ({"to": []}, "letter.toml: adapter.to: expected an address"),
        ({"to": "a@b.example\r\nBcc: c@d.example"}, "letter.toml: adapter.to: expected an address"),
        ({"subject": "About {value}"}, "letter.toml: adapter.subject: no field {value} may stand in a subject"),
        ({"subject": "A request"}, "letter.toml: adapter.subject: needs {reference}"),
        ({"subject": "{reference}\nBcc: x"}, "letter.toml: adapter.subject: expected up to 100 printable ASCII"),
        ({"subjct": "x"}, 'letter.toml: adapter.subjct: unknown key; did you mean "subject"?'),
        ({"replies": {"from": "x"}}, "letter.toml: adapter.replies.from: expected a list"),
        (
            {"replies": {"from": ["x.example"], "trusted": True, "authentication": []}},
            "letter.toml: adapter.replies.authentication: a trusted reply needs at least one",
        ),
        (
            {"replies": {"from": ["x.example"], "authentication": ["spf"]}},
            "letter.toml: adapter.replies.authentication: expected some of dkim, dmarc",
        ),
        ({"replies": {"acknowledged": [{"body": "x"}]}}, "letter.toml: adapter.replies.from: is missing"),
        (
            {"replies": {"from": ["x.example"], "acknowledged": [{"body": "("}]}},
            "letter.toml: adapter.replies.acknowledged[0].body: is no regular expression of RE2",
        ),
        (
            {"replies": {"from": ["x.example"], "extended": [{"body": "(?P<until>x)"}]}},
            "letter.toml: adapter.replies.extended[0].body: no group ?P<until>",
        ),
        (
            {"replies": {"from": ["x.example"], "extended": [{"body": "x", "date_format": "%d %B"}]}},
            "letter.toml: adapter.replies.extended[0].date_format: expected a format",
        ),
        (
            {"replies": {"from": ["x.example"], "refused": [{"body": "x", "ground": "whim"}]}},
            'letter.toml: adapter.replies.refused[0].ground: unknown word "whim"',
        ),
        ({"replies": {"from": ["x.example"], "refused": [{}]}}, "expected subject, body or both"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_its_place(table: dict[str, Any], says: str) -> None:
    found = problems(**table)
    assert len(found) == 1
    assert says in found[0]


def test_everything_wrong_with_a_table_is_told_at_once() -> None:
    assert len(problems(to="x", subject="y", replies={"from": ["a b"], "trusted": "yes"})) == 4


def test_a_sound_table_has_no_problems() -> None:
    replies = {"from": ["letters.example"], "acknowledged": [{"subject": "#(?P<reference>\\d+)"}]}
    assert problems(replies=replies, official_domain_only=True, certificate="desk.pem") == []
