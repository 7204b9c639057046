"""What a table makes us say and how it reads what is answered. No sockets here: the wire is `responses`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests
import responses
from provider_orders import CANARY, MADE_AT, everything_said, extension, item, order
from responses.matchers import header_matcher, json_params_matcher, query_param_matcher

from providers.errors import ConfigurationError, OutcomeUnknown, Refused, Unavailable, Unsupported
from providers.interface import Action, Adapter, Answer, ItemOutcome, Order, State
from providers.registry import make_adapter

URL = "https://desk.example.com"

TABLE = """
kind = "rest"
base_url = "https://desk.example.com/api/"

[headers]
X-Case = "{case_reference}"

[read]
state = "phase"
references = "numbers"
received_on = "received"
held_from = "since"
held_until = "until"
error = "error.code"

[read.states]
new = "acknowledged"
held = "in-force"
gone = "expired"
rejected = "refused:over-broad"
closed = "unavailable"

[read.errors]
no-basis = "refused:no-legal-basis"
seen = "unknown"
busy = "unavailable"
ended = "expired"

[read.items]
at = "accounts"
match = "id"
by = "id"
outcome = "result"
held_until = "until"
reference = "number"
outcomes = { yes = "preserved", no = "not-found" }

[send]
method = "POST"
path = "/requests"
body = { ref = "{request}", accounts = { each = "items", as = { id = "{item_id}", value = "{item_value}" } } }

[extend]
method = "PUT"
path = "/requests/{reference}"
body = { until = "{hold_until}" }

[status]
method = "GET"
path = "/requests/{reference}"
answers = { 404 = "not-held" }

[release]
method = "DELETE"
path = "/requests/{reference}"
answers = { 204 = "released" }

[find]
method = "GET"
path = "/requests"
query = { ref = "{request}" }
found = "results"
read = { request = "ref" }
"""


def adapter(text: str = "", *, zone: str = "Europe/Dublin", table: str = TABLE) -> Adapter:
    """An adapter by the table above, with these TOML lines over it."""
    base = tomllib.loads(table)
    for key, value in tomllib.loads(text).items():
        base[key] = {**base[key], **value} if isinstance(value, dict) and key in base else value
    return make_adapter(
        "desk",
        base,
        where="desk.toml",
        sandbox=False,
        zone=zone,
        environ={"DESK_TOKEN": "t0ken"},
        clock=lambda: datetime(2026, 11, 21, 9, tzinfo=UTC),
    )


@pytest.fixture(autouse=True)
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


def answered(
    wire: responses.RequestsMock, document: Any, said: Order | None = None, text: str = "", **how: Any
) -> Answer:
    """The answer to a sending (or `said`) that is answered with this document."""
    body = document if isinstance(document, str | bytes) else json.dumps(document)
    said = said or order()
    methods = {Action.SEND: "POST", Action.EXTEND: "PUT", Action.STATUS: "GET", Action.RELEASE: "DELETE"}
    path = "/api/requests" if said.action is Action.SEND else "/api/requests/R-1"
    wire.add(methods[said.action], URL + path, body=body, status=how.pop("status", 200), **how)
    made = adapter(text)
    speak = {
        Action.SEND: made.send,
        Action.EXTEND: made.extend,
        Action.STATUS: made.status,
        Action.RELEASE: made.release,
    }
    return speak[said.action](said)


HELD = {"phase": "held", "numbers": ["R-1"], "received": "2026-11-21", "until": "2027-02-18"}


# What is said


def test_a_request_is_said_as_the_table_describes(wire: responses.RequestsMock) -> None:
    wire.post(
        f"{URL}/api/requests",
        json=HELD,
        match=[
            header_matcher(
                {"X-Case": "CY-2026-0412", "Authorization": "Bearer t0ken", "Content-Type": "application/json"}
            ),
            json_params_matcher({"ref": "HF-1", "accounts": [{"id": "item-1", "value": CANARY}]}),
        ],
    )
    answer = adapter('auth = { type = "bearer", token_env = "DESK_TOKEN" }').send(order())
    assert b"t0ken" not in answer.exchange.sent
    assert b"Authorization: (withheld)" in answer.exchange.sent


EVERY_FIELD = """
[send.body]
key = "{key}"
action = "{action}"
sequence = "{sequence}"
made_at = "{made_at}"
case = "{case_reference}"
country = "{country}"
instrument = "{instrument}"
urgency = "{urgency}"
until = "{hold_until}"
unit = "{unit}"
officer = ["{officer_name}", "{officer_badge}", "{officer_email}", "{officer_phone}"]
basis = "{legal_basis}, {offence_title}: {sequence} {confidential} {{braces}}"
provisions = "{offence_provisions}"
facts = "{offence_facts}"
categories = "{categories}"
window = { from = "{period_from}", to = "{period_to}" }
confidential = "{confidential}"
because = "{because}"
constant = { number = 7, float = 1.5, flag = true, list = [1, "a"], empty = "" }
[send.body.accounts]
each = "items"
as = ["{item_id}", { type = "{item_type}", value = "{item_value}", from = "{item_from}", to = "{item_to}", zone = "{item_zone}" }, "{request}"]
"""  # noqa: E501


def test_every_field_is_said_with_its_own_type_and_left_out_where_there_is_nothing_to_say() -> None:
    two = (item("a"), item("b", "192.0.2.7", "ip"))
    used = datetime(2026, 10, 1, 12, tzinfo=UTC)
    two = (two[0], type(two[1])(id="b", type="ip", value="192.0.2.7", used_from=used, zone="Europe/Paris"))
    made = adapter(
        EVERY_FIELD + '[words]\ncategories = { subscriber = "S", content = "C" }\ntypes = { email = "M", ip = "I" }'
    )
    sent = made._build(order(items=two))
    assert json.loads(sent.rpartition(b"\r\n\r\n")[2]) == {
        "key": "key-1-send-1",
        "action": "send",
        "sequence": 1,
        "made_at": "2026-11-21T09:00:00Z",
        "case": "CY-2026-0412",
        "country": "FR",
        "instrument": "us.18usc2703f",
        "urgency": "expedited",
        "unit": "Cybercrime Unit, Example Police",
        "officer": ["Duty officer", "1", "duty@example.com", "+1-555-0100"],
        "basis": "18 U.S.C. 2703(f), Unauthorised access: 1 true {braces}",
        "provisions": ["art. 323-1"],
        "facts": "An account was taken over.",
        "categories": ["S", "C"],
        "window": {"from": "2026-09-01T00:00:00Z", "to": "2026-11-20T00:00:00Z"},
        "confidential": True,
        "because": "",
        "constant": {"number": 7, "float": 1.5, "flag": True, "list": [1, "a"], "empty": ""},
        "accounts": [
            ["a", {"type": "M", "value": CANARY}, "HF-1"],
            [
                "b",
                {"type": "I", "value": "192.0.2.7", "from": "2026-10-01T12:00:00Z", "zone": "Europe/Paris"},
                "HF-1",
            ],
        ],
    }


def test_a_word_that_the_provider_does_not_have_cannot_be_said() -> None:
    with pytest.raises(Unsupported, match="no word for the category 'content'"):
        adapter('words.categories = { subscriber = "S" }\nsend.body = { c = "{categories}" }').send(order())
    made = adapter('words.types = { phone = "P" }\nsend.body.a = { each = "items", as = "{item_type}" }')
    with pytest.raises(Unsupported, match="no word for the identifier type 'email'"):
        made.send(order())


def test_a_reference_is_one_part_of_the_address_whatever_is_in_it(wire: responses.RequestsMock) -> None:
    wire.get(f"{URL}/api/requests/a%2Fb%3Fc%20d%25", json=HELD)
    answer = adapter().status(order(Action.STATUS, references=("a/b?c d%",)))
    assert answer.exchange.sent.startswith(b"GET https://desk.example.com/api/requests/a%2Fb%3Fc%20d%25 HTTP/1.1\r\n")


@pytest.mark.parametrize("reference", ["..", ".", "a\nb"])
def test_a_reference_that_would_name_another_address_cannot_be_said(reference: str) -> None:
    with pytest.raises(Unsupported, match="cannot be part of an address"):
        adapter().status(order(Action.STATUS, references=(reference,)))


def test_without_a_reference_what_needs_one_cannot_be_said() -> None:
    with pytest.raises(Unsupported, match="has given no reference yet"):
        adapter().extend(extension((), date(2027, 2, 18)))


def test_a_split_request_goes_to_a_person_unless_any_reference_will_do(wire: responses.RequestsMock) -> None:
    said = order(Action.STATUS, references=("R-1", "R-2"))
    with pytest.raises(Unsupported, match="its protocol takes one at a time; ask for the status of each by hand"):
        adapter().status(said)
    assert answered(wire, HELD, said, "any_reference = true").state is State.IN_FORCE


def test_what_no_header_can_carry_cannot_be_said() -> None:
    with pytest.raises(Unsupported, match="characters that no header can carry"):
        adapter().send(order(case_reference="Ü-1"))


def test_instants_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="an instant without a zone"):
        adapter("send.body = { at = '{period_from}' }").send(order(period_from=datetime(2026, 9, 1)))  # noqa: DTZ001


# What a status code means


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, ConfigurationError),
        (302, OutcomeUnknown),
        (303, OutcomeUnknown),
        (307, ConfigurationError),
        (308, ConfigurationError),
        (400, Refused),
        (401, ConfigurationError),
        (403, Refused),
        (404, Refused),
        (408, Unavailable),
        (409, OutcomeUnknown),
        (410, Refused),
        (413, Refused),
        (422, Refused),
        (425, Unavailable),
        (429, Unavailable),
        (451, Refused),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (503, OutcomeUnknown),
        (504, OutcomeUnknown),
    ],
)
def test_a_status_code_is_sorted_by_what_the_caller_must_do(
    wire: responses.RequestsMock, status: int, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        answered(wire, f"our text about {CANARY}", status=status, headers={"Location": f"{URL}/?who={CANARY}"})
    assert type(caught.value) is error
    assert str(status) in str(caught.value)
    assert CANARY not in everything_said(caught.value)
    if isinstance(caught.value, Refused):
        assert caught.value.ground == ("form" if status in (400, 413, 422) else "other")
    assert len(wire.calls) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("said", "seconds"), [("90", 90.0), ("Sat, 21 Nov 2026 09:00:30 GMT", 30.0)])
def test_later_with_a_time_is_unavailable_until_then(
    wire: responses.RequestsMock, status: int, said: str, seconds: float
) -> None:
    with pytest.raises(Unavailable) as caught:
        answered(wire, "", status=status, headers={"Retry-After": said})
    assert caught.value.retry_after == seconds
    assert caught.value.exchange is not None


@pytest.mark.parametrize(
    ("text", "status", "state"),
    [
        ('answers.409 = "read"', 409, State.IN_FORCE),
        ('send.answers = { "2xx" = "acknowledged" }', 202, State.ACKNOWLEDGED),
        ('answers = { "2xx" = "in-force" }\nsend.answers = { 202 = "acknowledged" }', 202, State.ACKNOWLEDGED),
        ('answers.201 = "acknowledged"\nsend.answers = { "2xx" = "in-force" }', 201, State.IN_FORCE),
    ],
)
def test_a_table_says_what_a_code_means_the_operation_before_all_and_a_code_before_its_class(
    wire: responses.RequestsMock, text: str, status: int, state: State
) -> None:
    answer = answered(wire, HELD, text=text, status=status)
    assert (answer.state, answer.references) == (state, ("R-1",))


def test_a_table_may_say_that_an_error_means_nothing_was_accepted(wire: responses.RequestsMock) -> None:
    with pytest.raises(Unavailable):
        answered(wire, "", text='answers.5xx = "unavailable"', status=502)


@pytest.mark.parametrize(
    ("status", "code", "error", "ground"),
    [
        (403, "no-basis", Refused, "no-legal-basis"),
        (400, "never-heard-of", Refused, "form"),
        (403, "never-heard-of", Refused, "other"),
        (403, 7, Refused, "other"),
        (400, "seen", OutcomeUnknown, None),
        (400, "busy", Unavailable, None),
    ],
)
def test_the_word_of_an_error_tells_the_ground(
    wire: responses.RequestsMock, status: int, code: object, error: type[Exception], ground: str | None
) -> None:
    with pytest.raises(error) as caught:
        answered(wire, {"error": {"code": code}}, status=status)
    assert getattr(caught.value, "ground", None) == ground


def test_the_word_of_an_error_may_even_tell_a_state(wire: responses.RequestsMock) -> None:
    said = order(Action.STATUS, references=("R-1",))
    assert answered(wire, {"error": {"code": "ended"}}, said, status=410).state is State.EXPIRED


def test_a_word_in_a_success_may_still_be_a_no(wire: responses.RequestsMock) -> None:
    with pytest.raises(Refused) as caught:
        answered(wire, {"phase": "rejected"})
    assert caught.value.ground == "over-broad"
    with pytest.raises(Unavailable):
        answered(wire, {"phase": "closed"})


def test_a_release_may_be_answered_by_a_code_alone(wire: responses.RequestsMock) -> None:
    assert answered(wire, "", order(Action.RELEASE, references=("R-1",)), status=204).state is State.RELEASED


def test_an_unknown_reference_may_mean_that_nothing_is_held(wire: responses.RequestsMock) -> None:
    assert answered(wire, "", order(Action.STATUS, references=("R-1",)), status=404).state is State.NOT_HELD


def test_the_body_of_an_error_is_not_read_for_the_request_it_does_not_name(wire: responses.RequestsMock) -> None:
    said, text = order(Action.STATUS, references=("R-1",)), 'read.request = "ref"'
    answer = answered(wire, {"error": {"code": "unknown"}}, said, text, status=404)
    assert (answer.state, answer.references) == (State.NOT_HELD, ())


def test_a_certain_code_with_a_body_that_cannot_be_read_is_no_success(wire: responses.RequestsMock) -> None:
    with pytest.raises(OutcomeUnknown, match="not JSON"):
        answered(wire, "<html>", text='send.answers = { 200 = "in-force" }')


# What cannot be read


UNREADABLE: dict[str, tuple[Any, str]] = {
    "nothing": ("", "its answer is not JSON"),
    "a page": ("<html></html>", "its answer is not JSON"),
    "half": ('{"phase": "held"', "its answer is not JSON"),
    "two": ('{"phase": "held"}{}', "its answer is not JSON"),
    "bytes": (b'{"phase": "held", "x": "\xff"}', "its answer is not JSON"),
    "a key twice": ('{"phase": "new", "phase": "held"}', "its answer says one key twice"),
    "NaN": ('{"phase": "held", "x": NaN}', "its answer has a number that is none"),
    "depth": ("[" * 100_000, "its answer is not JSON"),
    "digits": ('{"phase": ' + "9" * 5000 + "}", "its answer is not JSON"),
    "null": ("null", "its answer is empty"),
    "a list": ([HELD], "its answer names no state"),
    "no state": ({**HELD, "phase": None}, "its answer names no state"),
    "state a number": ({**HELD, "phase": 1}, "its answer names no state"),
    "unknown state": ({**HELD, "phase": "splendid"}, "a word for the state that its table does not know"),
    "other case": ({**HELD, "phase": "HELD"}, "a word for the state that its table does not know"),
    "reference a number": ({**HELD, "numbers": [7]}, "a reference that is not a text"),
    "reference null": ({**HELD, "numbers": [None]}, "a reference that is not a text"),
    "references a table": ({**HELD, "numbers": {"a": "R"}}, "a reference that is not a text"),
    "reference empty": ({**HELD, "numbers": [" "]}, "a reference that cannot be one"),
    "reference long": ({**HELD, "numbers": ["R" * 201]}, "a reference that cannot be one"),
    "reference of two lines": ({**HELD, "numbers": ["R\nX"]}, "a reference that cannot be one"),
    "reference a surrogate": ('{"phase": "held", "numbers": "\\ud800"}', "a reference that cannot be one"),
    "reference the account": ({**HELD, "numbers": [CANARY.upper()]}, "a reference that names the account"),
    "reference about the account": ({**HELD, "numbers": [f"7:{CANARY}/1"]}, "a reference that names the account"),
    "no date": ({**HELD, "until": "31 June"}, "an end of the hold that is neither an ISO day nor an instant"),
    "no such day": ({**HELD, "until": "2027-02-30"}, "an end of the hold that is neither"),
    "week date": ({**HELD, "until": "2027-W01-1"}, "an end of the hold that is neither"),
    "no offset": ({**HELD, "until": "2027-02-18T00:00:00"}, "an end of the hold that is neither"),
    "a number": ({**HELD, "until": 1802908800}, "an end of the hold that is neither"),
    "a year beyond": ({**HELD, "until": "9999-12-31"}, "an end of the hold in a year that cannot be"),
    "a stand-in for never": ({**HELD, "until": "2099-12-31"}, "an end of the hold that lies too far ahead"),
    "a year before": ({**HELD, "received": "0001-01-01T00:00:00Z"}, "the day of receipt in a year that cannot be"),
    "no receipt": ({**HELD, "received": "today"}, "the day of receipt that is neither"),
    "no beginning": ({**HELD, "since": []}, "the first day of the hold that is neither"),
    "items a text": ({**HELD, "accounts": "all"}, "its answer's items are not a list"),
    "a strange item": ({**HELD, "accounts": [{"id": "x", "result": "yes"}]}, "an item that was not asked"),
    "no item": ({**HELD, "accounts": [{"result": "yes"}]}, "an item that was not asked"),
    "more items": (
        {**HELD, "accounts": [{"id": "item-1", "result": "yes"}, {"id": "item-1", "result": "no"}]},
        "names more items than were asked",
    ),
    "unknown result": ({**HELD, "accounts": [{"id": "item-1", "result": "maybe"}]}, "a word for an item"),
    "no result": ({**HELD, "accounts": [{"id": "item-1"}]}, "a word for an item"),
    "item's end": ({**HELD, "accounts": [{"id": "item-1", "result": "yes", "until": "x"}]}, "an end of the hold"),
}


@pytest.mark.parametrize("way", UNREADABLE)
def test_an_answer_that_is_not_as_described_is_an_unknown_outcome(wire: responses.RequestsMock, way: str) -> None:
    document, words = UNREADABLE[way]
    with pytest.raises(OutcomeUnknown, match=words) as caught:
        answered(wire, document)
    assert caught.value.exchange is not None
    assert CANARY.lower() not in everything_said(caught.value).lower()


@pytest.mark.parametrize(
    ("content_type", "readable"),
    [
        ("application/json", True),
        ("application/json; charset=UTF-8", True),
        ('application/problem+json; charset="utf-8"', True),
        ("text/plain", True),
        ("application/json; charset=iso-8859-1", False),
        ("application/json; charset=utf-16", False),
    ],
)
def test_an_answer_in_another_charset_is_not_guessed_at(
    wire: responses.RequestsMock, content_type: str, readable: bool
) -> None:
    if readable:
        assert answered(wire, HELD, content_type=content_type).state is State.IN_FORCE
    else:
        with pytest.raises(OutcomeUnknown, match="in another charset than UTF-8"):
            answered(wire, HELD, content_type=content_type)


def test_a_compressed_answer_was_not_asked_for(wire: responses.RequestsMock) -> None:
    with pytest.raises(OutcomeUnknown, match="compressed, which was not asked for"):
        answered(wire, HELD, headers={"Content-Encoding": "gzip"})


def test_a_path_that_meets_another_type_is_an_unknown_outcome(wire: responses.RequestsMock) -> None:
    text = """read = { state = "join('-', phase)", states = { a-b = "in-force" } }"""
    assert answered(wire, {"phase": ["a", "b"]}, text=text).state is State.IN_FORCE
    with pytest.raises(OutcomeUnknown, match="another shape than the table describes"):
        answered(wire, {"phase": 7}, text=text)


def test_a_broken_connection_that_the_wire_reports_is_never_taken_for_unsent(wire: responses.RequestsMock) -> None:
    wire.post(f"{URL}/api/requests", body=requests.ConnectionError(f"Max retries: /?who={CANARY}"))
    with pytest.raises(OutcomeUnknown) as caught:
        adapter().send(order())
    assert CANARY not in everything_said(caught.value)


# What is read


def test_everything_an_answer_says_is_read(wire: responses.RequestsMock) -> None:
    document = {
        **HELD,
        "since": "2026-11-20",
        "accounts": [{"id": "item-1", "result": "yes", "until": "2027-02-17", "number": "R-1/1"}],
    }
    answer = answered(wire, document)
    assert answer.references == ("R-1",)
    assert (answer.received_on, answer.held_from) == (date(2026, 11, 21), date(2026, 11, 20))
    assert answer.held_until == date(2027, 2, 18)
    [one] = answer.items
    assert (one.id, one.outcome, one.reference) == ("item-1", ItemOutcome.PRESERVED, "R-1/1")
    assert one.held_until == date(2027, 2, 17)


@pytest.mark.parametrize(("numbers", "read"), [("R", ("R",)), (["R", "S", "R"], ("R", "S")), ([], ()), (None, ())])
def test_references_are_one_or_many_or_none(
    wire: responses.RequestsMock, numbers: Any, read: tuple[str, ...]
) -> None:
    assert answered(wire, {"phase": "new", "numbers": numbers}).references == read


def test_a_short_identifier_within_a_reference_is_chance(wire: responses.RequestsMock) -> None:
    said = order(items=(item("item-1", "7", "user_id"),))
    assert answered(wire, {**HELD, "numbers": ["REQ-7"]}, said).references == ("REQ-7",)
    with pytest.raises(OutcomeUnknown, match="names the account"):
        answered(wire, {**HELD, "numbers": ["7"]}, order(items=(item("item-1", "7", "user_id"),)), text="")


@pytest.mark.parametrize(
    ("said", "zone", "day"),
    [
        ("2026-11-21", "America/Los_Angeles", date(2026, 11, 21)),
        ("2026-11-21T07:59:59Z", "America/Los_Angeles", date(2026, 11, 20)),
        ("2026-11-21T08:00:00Z", "America/Los_Angeles", date(2026, 11, 21)),
        ("2026-11-21T23:30:00+00:00", "Europe/Dublin", date(2026, 11, 21)),
        ("2026-06-21T23:30:00+00:00", "Europe/Dublin", date(2026, 6, 22)),
        ("2026-11-21T23:30:00-05:00", "", date(2026, 11, 22)),
    ],
)
def test_an_instant_is_the_day_it_is_at_the_provider(
    wire: responses.RequestsMock, said: str, zone: str, day: date
) -> None:
    wire.post(f"{URL}/api/requests", json={**HELD, "received": said})
    assert adapter(zone=zone).send(order()).received_on == day


@pytest.mark.parametrize(
    ("said", "last_day", "day"),
    [
        ("2027-02-18", "included", date(2027, 2, 18)),
        ("2027-02-18", "excluded", date(2027, 2, 17)),
        ("2027-02-18T23:59:59Z", "included", date(2027, 2, 18)),
        ("2027-02-19T00:00:00Z", "included", date(2027, 2, 18)),
        ("2027-02-19T00:00:01Z", "included", date(2027, 2, 18)),
        ("2027-02-19T23:58:00Z", "included", date(2027, 2, 18)),
        ("2027-02-19T00:00:00Z", "excluded", date(2027, 2, 18)),
        ("2027-02-19T10:00:00Z", "excluded", date(2027, 2, 18)),
        ("2027-07-18T23:00:00Z", "included", date(2027, 7, 18)),
    ],
)
def test_an_end_counts_as_the_last_day_that_is_kept_whole(
    wire: responses.RequestsMock, said: str, last_day: str, day: date
) -> None:
    assert answered(wire, {**HELD, "until": said}, text=f'last_day = "{last_day}"').held_until == day


@pytest.mark.parametrize(
    "said",
    [
        {"received": "2076-11-21"},
        {"received": "2025-11-21"},
        {"until": "2026-10-30"},
    ],
)
def test_a_day_that_cannot_be_is_not_read(wire: responses.RequestsMock, said: dict[str, str]) -> None:
    """A year that slipped would move every clock; it is found out what became of the request before it is counted."""
    with pytest.raises(OutcomeUnknown, match="before the sending"):
        answered(wire, HELD | said, order(sent_at=MADE_AT))


ITEMS = (item("a", "A@example.com"), item("b", "b@example.com"), item("c", "192.0.2.7", "ip"))


def by_items(match: str, accounts: list[dict[str, str]]) -> Callable[[responses.RequestsMock], list[tuple[str, str]]]:
    text = f"""
[read.items]
at = "accounts"
match = "{match}"
by = "{"id" if match == "id" else "who"}"
outcome = "result"
outcomes = {{ yes = "preserved", no = "not-found" }}
"""

    def read(wire: responses.RequestsMock) -> list[tuple[str, str]]:
        answer = answered(wire, {**HELD, "accounts": accounts}, order(items=ITEMS), text)
        return [(one.id, str(one.outcome)) for one in answer.items]

    return read


def test_items_are_matched_by_our_id(wire: responses.RequestsMock) -> None:
    read = by_items("id", [{"id": "c", "result": "no"}, {"id": "a", "result": "yes"}])
    assert read(wire) == [("c", "not-found"), ("a", "preserved")]


def test_items_are_matched_by_value_in_small_or_capital_letters(wire: responses.RequestsMock) -> None:
    read = by_items("value", [{"who": "B@EXAMPLE.COM", "result": "no"}, {"who": " a@example.com", "result": "yes"}])
    assert read(wire) == [("b", "not-found"), ("a", "preserved")]


def test_items_are_matched_by_position_if_all_are_there(wire: responses.RequestsMock) -> None:
    accounts = [{"result": word} for word in ("yes", "no", "yes")]
    assert by_items("position", accounts)(wire) == [("a", "preserved"), ("b", "not-found"), ("c", "preserved")]
    with pytest.raises(OutcomeUnknown, match="names fewer items than were asked, and only their order tells which"):
        by_items("position", accounts[:2])(wire)


def test_two_items_with_one_value_are_both_answered_or_neither(wire: responses.RequestsMock) -> None:
    two = (item("a", "192.0.2.7", "ip"), item("b", "192.0.2.7", "ip"))
    text = """
[read.items]
at = "accounts"
match = "value"
by = "who"
outcome = "result"
outcomes = { yes = "preserved" }
"""
    account = {"who": "192.0.2.7", "result": "yes"}
    both = answered(wire, {**HELD, "accounts": [account, account]}, order(items=two), text)
    assert [one.id for one in both.items] == ["a", "b"]
    with pytest.raises(OutcomeUnknown, match="one of several items with the same value, and not which"):
        answered(wire, {**HELD, "accounts": [account]}, order(items=two), text)


def test_thousands_of_items_are_read_in_a_moment(wire: responses.RequestsMock) -> None:
    many = tuple(item(f"item-{number}", f"account.{number}@example.com") for number in range(3000))
    accounts = [{"id": one.id, "result": "yes", "number": f"R-{one.id}"} for one in reversed(many)]
    answer = answered(wire, {**HELD, "accounts": accounts}, order(items=many))
    assert len(answer.items) == 3000


# Whether it took effect


def found(
    wire: responses.RequestsMock, document: Any, said: Order, status: int = 200, text: str = ""
) -> Answer | None:
    wire.get(f"{URL}/api/requests", json=document, status=status, match=[query_param_matcher({"ref": "HF-1"})])
    return adapter(text).find(said)


def shown(**changes: Any) -> dict[str, Any]:
    return {"results": [{**HELD, "ref": "HF-1", **changes}]}


def test_a_sending_took_effect_if_the_request_is_there(wire: responses.RequestsMock) -> None:
    answer = found(wire, shown(), order())
    assert answer is not None
    assert answer.references == ("R-1",)


def test_a_sending_took_no_effect_if_an_empty_list_is_found(wire: responses.RequestsMock) -> None:
    assert found(wire, {"results": []}, order()) is None


def test_a_sending_took_no_effect_if_a_code_says_so(wire: responses.RequestsMock) -> None:
    assert found(wire, {}, order(), status=404, text='find.answers = { 404 = "absent" }') is None


@pytest.mark.parametrize(
    ("document", "status", "words"),
    [
        ({"results": None}, 200, "another shape"),
        ({"error": "internal"}, 200, "another shape"),
        ([], 200, "another shape"),
        ({"results": [{**HELD, "ref": "HF-1"}, {**HELD, "ref": "HF-1"}]}, 200, "more than one such request"),
        ({"results": [{**HELD, "ref": "HF-2"}]}, 200, "about another request"),
        ({"results": [HELD]}, 200, "about another request"),
        ({"results": "none"}, 200, "names no state"),
        ({}, 404, r"it would not be asked \(status 404\)"),
        ({}, 403, r"it would not be asked \(status 403\)"),
        ({}, 500, "does not tell whether it took effect"),
    ],
)
def test_only_a_clear_word_says_that_nothing_took_effect(
    wire: responses.RequestsMock, document: Any, status: int, words: str
) -> None:
    with pytest.raises(OutcomeUnknown, match=words):
        found(wire, document, order(), status)


def test_a_request_that_is_there_as_refused_was_refused(wire: responses.RequestsMock) -> None:
    with pytest.raises(Refused):
        found(wire, shown(phase="rejected"), order())


@pytest.mark.parametrize(
    ("until", "held_until", "took_effect"),
    [
        ("2027-05-19", date(2027, 2, 18), True),
        ("2027-05-20", None, True),
        ("2027-05-18", date(2027, 2, 18), True),  # longer than before, if less than asked
        ("2027-02-18", date(2027, 2, 18), False),
        ("2027-02-17", date(2027, 2, 18), None),
        ("2027-05-18", None, None),
        (None, date(2027, 2, 18), None),
    ],
)
def test_an_extension_took_effect_if_the_end_has_moved(
    wire: responses.RequestsMock, until: str | None, held_until: date | None, took_effect: bool | None
) -> None:
    said = extension(("R-1",), date(2027, 5, 19), held_until=held_until)
    if took_effect is None:
        with pytest.raises(OutcomeUnknown, match="does not tell whether it was extended"):
            found(wire, shown(until=until), said)
    else:
        assert (found(wire, shown(until=until), said) is not None) is took_effect


@pytest.mark.parametrize(("phase", "took_effect"), [("held", False), ("new", False), ("gone", True)])
def test_a_release_took_effect_if_it_is_not_held_any_more(
    wire: responses.RequestsMock, phase: str, took_effect: bool
) -> None:
    said = order(Action.RELEASE, references=("R-1",))
    assert (found(wire, shown(phase=phase), said) is not None) is took_effect


def test_a_search_by_key_speaks_of_the_very_message(wire: responses.RequestsMock) -> None:
    wire.get(f"{URL}/api/requests", json=shown(), match=[query_param_matcher({"key": "key-1-extend-1"})])
    said = extension(("R-1",), date(2027, 5, 19), held_until=date(2027, 2, 18))
    answer = adapter("find.query = { key = '{key}' }").find(said)
    assert answer is not None
    assert answer.held_until == date(2027, 2, 18)
