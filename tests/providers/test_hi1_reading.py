"""What a provider answers over TS 103 120, word for word: read if it is an answer to us, and never guessed at."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hi1_schemas import ETSI, needs_schemas
from lxml import etree
from provider_orders import CANARY, item, order

from providers.errors import (
    GROUNDS,
    ConfigurationError,
    OutcomeUnknown,
    Refused,
    Unavailable,
    Unreadable,
    Unsupported,
)
from providers.interface import Action, Exchange, ItemOutcome, State
from providers.ts103120 import ids
from providers.ts103120.codes import FAULTS, Status, fault_of
from providers.ts103120.formats import Value
from providers.ts103120.hearing import Authorisation, Heard, Notice, Record, Task, hear
from providers.ts103120.judging import GENERAL, live, ours, question, received_on, stand, status_of, told
from providers.ts103120.memory import LONGEST, Memory
from providers.ts103120.profile import E_EVIDENCE, Word, etsi
from providers.ts103120.refusing import by_code, by_status, decisive
from providers.ts103120.xml import DEEPEST, parse

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
EXCHANGE = Exchange(channel="hi1", sent=b"", sent_at=NOW)
QUESTION = b"""<HI1Message xmlns="http://uri.etsi.org/03120/common/2019/10/Core"><Header>
<TransactionIdentifier>c02358b2-76cf-4ba4-a8eb-f6436ccaea2e</TransactionIdentifier></Header><Payload><RequestPayload>
<ActionRequests>%s</ActionRequests></RequestPayload></Payload></HI1Message>"""
ANSWER = b"""<HI1Message xmlns="http://uri.etsi.org/03120/common/2019/10/Core"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:task="http://uri.etsi.org/03120/common/2020/09/Task"
 xmlns:common="http://uri.etsi.org/03120/common/2016/02/Common"><Header>
<TransactionIdentifier>c02358b2-76cf-4ba4-a8eb-f6436ccaea2e</TransactionIdentifier>
<Timestamp>2026-11-21T09:00:01.000000Z</Timestamp></Header><Payload><ResponsePayload>%s</ResponsePayload></Payload>
</HI1Message>"""
A, B = "7dbbc880-8750-4d3c-abe7-ea4a17646045", "2b36a78b-b628-416d-bd22-404e68a0cd36"


def asked(*verbs: tuple[str, str]) -> bytes:
    """A message with these actions, each about an object."""
    said = [
        f"<ActionRequest><ActionIdentifier>{number}</ActionIdentifier><{verb}>"
        + (f"<Identifier>{id_}</Identifier>" if verb == "GET" else "")
        + (
            f"<HI1Object><ObjectIdentifier>{id_}</ObjectIdentifier></HI1Object>"
            if verb in ("CREATE", "UPDATE")
            else ""
        )
        + f"</{verb}></ActionRequest>"
        for number, (verb, id_) in enumerate(verbs)
    ]
    return QUESTION % "".join(said).encode()


def answered(*said: str) -> bytes:
    """An answer with these responses, numbered."""
    each = [
        f"<ActionResponse><ActionIdentifier>{number}</ActionIdentifier>{one}</ActionResponse>"
        for number, one in enumerate(said)
    ]
    return ANSWER % f"<ActionResponses>{''.join(each)}</ActionResponses>".encode()


def created(id_: str, inside: str = "") -> str:
    return f"<CREATEResponse><Identifier>{id_}</Identifier>{inside}</CREATEResponse>"


def shown(id_: str, inside: str = "") -> str:
    made = f'<HI1Object xsi:type="task:LPTaskObject"><ObjectIdentifier>{id_}</ObjectIdentifier>{inside}</HI1Object>'
    return f"<GETResponse>{made}</GETResponse>"


ERROR = "<ErrorInformation><ErrorCode>3003</ErrorCode><ErrorDescription>later</ErrorDescription></ErrorInformation>"


def test_each_action_is_matched_with_its_answer_by_number_not_by_place() -> None:
    sent = asked(("CREATE", A), ("CREATE", B))
    answer = answered(created(A), ERROR)
    turned = re.sub(
        rb"(<ActionResponse>.*?</ActionResponse>)(<ActionResponse>.*?</ActionResponse>)", rb"\2\1", answer
    )
    assert turned != answer
    for received in (answer, turned):
        heard = hear(sent, received)
        assert [(each.id, each.code) for each in heard.answers] == [(A, None), (B, 3003)]
    assert heard.at == datetime(2026, 11, 21, 9, 0, 1, tzinfo=UTC)


def test_an_error_of_the_whole_message_is_read() -> None:
    assert hear(asked(("CREATE", A)), ANSWER % ERROR.encode()).code == 3003


WRONG: dict[str, bytes] = {
    "is about another message": answered(created(A)).replace(b"c02358b2", b"c02358b3"),
    "answers fewer actions": answered(),
    "answers more actions": answered(created(A), created(B)),
    "answers about another object": answered(created(B)),
    "answers with another verb": answered(shown(A)),
    "shows another object": answered(created(A, shown(B)[13:-14])),
    "numbers its answer as nobody asked": answered(created(A)).replace(b"Identifier>0<", b"Identifier>1<"),
    "does not number its answer": answered(created(A)).replace(b"Identifier>0<", b"Identifier><"),
    "has an error without a number": answered(ERROR.replace("3003", "soon")),
    "has no time": answered(created(A)).replace(b"T09:00:01.000000Z", b""),
    "has a time without a zone": answered(created(A)).replace(b"01.000000Z", b"01.000000"),
    "is a request": asked(("CREATE", A)),
    "has an empty response": ANSWER % b"",
    "is something else": b"<html/>",
    "is nothing": b"",
    "is half": answered(created(A))[:300],
    "is not UTF-8": answered(created(A)).replace(b"later", b"").decode().encode("utf-16"),
    "declares another encoding": b"<?xml version='1.0' encoding='ISO-8859-1'?>" + answered(created(A)),
    "has a document type": b"<!DOCTYPE HI1Message>" + answered(created(A)),
    "is nested without end": b"<a>" * 40 + b"</a>" * 40,
}


@pytest.mark.parametrize("what", WRONG)
def test_an_answer_that_is_none_is_not_read(what: str) -> None:
    with pytest.raises(Unreadable) as caught:
        hear(asked(("CREATE", A)), WRONG[what])
    assert A not in str(caught.value)
    assert B not in str(caught.value)


def test_the_charset_that_http_names_counts_too() -> None:
    sent, received = asked(("CREATE", A)), answered(created(A))
    for charset in ("", "utf-8", "UTF-8", "us-ascii"):
        assert hear(sent, received, charset=charset).answers[0].id == A
    with pytest.raises(Unreadable, match="another charset"):
        hear(sent, received, charset="iso-8859-1")


def test_how_deep_an_answer_may_be_nested_is_limited() -> None:
    assert parse(b"<a>" * DEEPEST + b"</a>" * DEEPEST).tag == "a"
    with pytest.raises(Unreadable, match="nested deeper"):
        parse(b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1))


def test_no_entity_is_ever_expanded_and_no_file_read() -> None:
    for entity in ('<!ENTITY x SYSTEM "file:///etc/hostname">', '<!ENTITY x "boom">'):
        with pytest.raises(Unreadable, match="document type"):
            parse(f"<!DOCTYPE a [{entity}]><a>&x;</a>".encode())
    with pytest.raises(Unreadable, match="no well-formed"):
        parse(b"<a>&x;</a>")


@needs_schemas
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("v1.12.1/examples/request1.xml", "v1.12.1/examples/response1.xml"),
        ("v1.12.1/examples/request3.xml", "v1.12.1/examples/response3.xml"),
        ("v1.12.1/examples/request4.xml", "v1.12.1/examples/response4.xml"),
        ("v1.23.1/examples/xml/request4-Preservation-Link.xml", "v1.23.1/examples/xml/response4.xml"),
    ],
)
def test_etsis_example_answers_are_read(question: str, answer: str) -> None:
    sent, received = (ETSI / question).read_bytes(), (ETSI / answer).read_bytes()
    heard = hear(sent, received)
    wanted = etree.fromstring(sent).iter("{*}ObjectIdentifier")
    assert [each.id for each in heard.answers] == [each.text for each in wanted]
    assert {each.code for each in heard.answers} == {None}


@needs_schemas
def test_etsis_example_of_a_repeated_number_is_not_read() -> None:
    """Its response 2 (V1.12.1) numbers both of its answers 0, the second question's first."""
    sent = (ETSI / "v1.12.1/examples/request2.xml").read_bytes()
    with pytest.raises(Unreadable):
        hear(sent, (ETSI / "v1.12.1/examples/response2.xml").read_bytes())


def test_an_action_answered_twice_is_not_read() -> None:
    received = answered(created(A), created(B)).replace(b"Identifier>1<", b"Identifier>0<")
    with pytest.raises(Unreadable):
        hear(asked(("CREATE", A), ("CREATE", B)), received)
    with pytest.raises(Unreadable, match="one twice"):
        hear(asked(("CREATE", A), ("CREATE", A)), received.replace(B.encode(), A.encode()))


@needs_schemas
def test_a_status_outside_the_dictionary_is_not_taken_for_one() -> None:
    """Its response 3 says an AuthorisationStatus "Active", which its own dictionary does not have."""
    sent = (ETSI / "v1.12.1/examples/request3.xml").read_bytes()
    things = [each.thing for each in hear(sent, (ETSI / "v1.12.1/examples/response3.xml").read_bytes()).answers]
    assert [each.status.value for each in things if isinstance(each, Authorisation) and each.status] == ["Active"]
    with pytest.raises(Unreadable, match="dictionary"):
        status_of(task("a", "Active"))


# Codes


def error_of(code: int, action: Action = Action.SEND) -> Exception:
    return by_code("example", code, where="x.toml", action=action, exchange=EXCHANGE, wait=17)


def test_every_code_of_the_standard_has_one_consequence() -> None:
    assert sorted(FAULTS) == list(range(3000, 3023))
    again = {code for code in FAULTS if isinstance(error_of(code), Unavailable)}
    unknown = {code for code in FAULTS if isinstance(error_of(code), OutcomeUnknown)}
    other_way = {code for code in FAULTS if isinstance(error_of(code), Unsupported)}
    mend = {code for code in FAULTS if isinstance(error_of(code), ConfigurationError)}
    refused = {code for code in FAULTS if isinstance(error_of(code), Refused)}
    assert (again, unknown, other_way, mend) == ({3003}, {3010}, {3001}, {3004, 3019, 3021})
    assert refused == set(FAULTS) - again - unknown - other_way - mend
    assert all(getattr(error_of(code), "ground", "form") in GROUNDS for code in FAULTS)
    assert isinstance(error_of(4711), Refused)


def test_not_now_carries_the_wait_and_a_refused_extension_its_ground() -> None:
    later = error_of(3003)
    assert isinstance(later, Unavailable)
    assert later.retry_after == 17
    for code in (3000, 3006, 3007, 3008):
        no = error_of(code, Action.EXTEND)
        assert isinstance(no, Refused)
        assert no.ground == "extension-not-granted"


@pytest.mark.parametrize(
    ("codes", "one"),
    [
        ([3000, 3007, 3000], 3007),
        ([3000, 3003], 3003),
        ([3003, 3010], 3003),
        ([3003, 3007], 3007),
        ([3000, 3000], 3000),
        ([3010, 3010], 3010),
        ([3000, 3010, 3016], 3016),
    ],
)
def test_one_code_decides_for_a_message(codes: list[int], one: int) -> None:
    assert decisive(codes) == one


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *product((408, 425, 429, 503), [Unavailable]),
        *product((401, 403, 404, 301, 308), [ConfigurationError]),
        *product((400, 409, 413, 418), [Refused]),
        *product((302, 500, 502, 504), [OutcomeUnknown]),
    ],
)
def test_a_status_that_is_no_success_says_what_to_do(status: int, kind: type[Exception]) -> None:
    error = by_status("example", status, where="x.toml", action=Action.SEND, exchange=EXCHANGE)
    assert type(error) is kind


# How a request stands


def task(item_id: str, status: str = "Preserved", until: str | None = "2027-02-19T00:00:00Z", **more: object) -> Task:
    return Task(
        kind="task:LPTaskObject",
        id=ids.task("HF-1", item_id),
        status=etsi("LPTaskStatus", status),
        expires_at=datetime.fromisoformat(until) if until else None,
        **more,  # type: ignore[arg-type]
    )


SAID = order(items=tuple(item(id_, f"{id_}@example.com") for id_ in "abc"))


def standing(**tasks: Task | None) -> dict[str, Task | None]:
    return {ids.task("HF-1", id_): tasks.get(id_) for id_ in "abc"}


def test_the_hold_is_as_long_as_that_of_its_shortest_item() -> None:
    how = stand(SAID, standing(a=task("a"), b=task("b", until="2027-01-11T12:00:00Z"), c=task("c")), UTC_ZONE)
    assert (how.state, how.held_until) == (State.IN_FORCE, date(2027, 1, 10))
    assert [each.held_until for each in how.items] == [date(2027, 2, 18), date(2027, 1, 10), date(2027, 2, 18)]


def test_no_end_is_known_while_one_kept_item_has_none() -> None:
    how = stand(SAID, standing(a=task("a"), b=task("b", until=None), c=task("c")), UTC_ZONE)
    assert (how.state, how.held_until) == (State.IN_FORCE, None)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("Preserved Preserved AwaitingPreservation", State.ACKNOWLEDGED),
        ("Preserved PreservationNotAvailable Rejected", State.IN_FORCE),
        ("Preserved Cancelled Expired", State.IN_FORCE),
        ("Expired Cancelled Rejected", State.EXPIRED),
        ("Cancelled PreservationNotAvailable Invalid", State.RELEASED),
        ("PreservationNotAvailable Rejected Error", State.NOT_HELD),
    ],
)
def test_the_state_of_a_request_follows_from_its_items(said: str, state: State) -> None:
    tasks = {id_: task(id_, status) for id_, status in zip("abc", said.split(), strict=True)}
    assert stand(SAID, standing(**tasks), UTC_ZONE).state is state


def test_each_status_is_one_outcome_of_its_item() -> None:
    outcomes = {}
    for status in Status:
        how = stand(SAID, standing(a=task("a", status), b=task("b"), c=task("c")), UTC_ZONE)
        outcomes[str(status)] = how.items[0].outcome
    assert outcomes == {
        "AwaitingPreservation": ItemOutcome.PENDING,
        "Preserved": ItemOutcome.PRESERVED,
        "PreservationNotAvailable": ItemOutcome.NOT_FOUND,
        "Rejected": ItemOutcome.REFUSED,
        "Cancelled": ItemOutcome.RELEASED,
        "Expired": ItemOutcome.RELEASED,
        "Error": ItemOutcome.REFUSED,
        "Invalid": ItemOutcome.REFUSED,
    }


def test_a_task_just_stored_waits_and_one_that_is_not_there_is_refused() -> None:
    bare = Task(kind="task:LPTaskObject", id=ids.task("HF-1", "a"))
    how = stand(SAID, standing(a=bare, b=task("b")), UTC_ZONE)
    assert how.state is State.ACKNOWLEDGED
    assert [each.outcome for each in how.items] == [
        ItemOutcome.PENDING,
        ItemOutcome.PRESERVED,
        ItemOutcome.REFUSED,
    ]
    nothing = stand(SAID, standing(), UTC_ZONE)
    assert (nothing.state, nothing.items, nothing.references) == (State.NOT_HELD, (), ())


def test_the_provider_s_own_references_go_before_ours() -> None:
    plain = stand(SAID, standing(a=task("a")), UTC_ZONE)
    assert plain.references == (ids.authorisation("HF-1"),)
    own = stand(
        SAID,
        standing(a=task("a", external="T-1"), b=task("b", external="T-2"), c=task("c", external="T-1")),
        UTC_ZONE,
    )
    assert own.references == ("T-1", "T-2")
    assert [each.reference for each in own.items] == ["T-1", "T-2", "T-1"]


@pytest.mark.parametrize("reference", ["a@example.com", "case a@example.com!", "x" * 201, "two\nlines"])
def test_a_reference_that_names_the_account_or_cannot_be_one_is_not_read(reference: str) -> None:
    with pytest.raises(Unreadable):
        stand(SAID, standing(a=task("a", external=reference)), UTC_ZONE)


def test_an_end_in_another_age_is_not_read() -> None:
    with pytest.raises(Unreadable, match="too far ahead"):
        stand(SAID, standing(a=task("a", until="2199-12-31T00:00:00Z")), UTC_ZONE)


def test_only_what_runs_can_be_changed() -> None:
    tasks = standing(a=task("a"), b=task("b", "AwaitingPreservation"), c=task("c", "Expired"))
    assert live(tasks) == (ids.task("HF-1", "a"), ids.task("HF-1", "b"))


def test_a_task_about_another_account_or_about_more_is_not_ours() -> None:
    mine = Value(owner="ETSI", name="EmailAddress", text=CANARY)
    other = replace(mine, text="other@example.com")
    assert ours(task("a", values=(mine,)), (mine,))
    assert ours(task("a", values=(replace(mine, text=CANARY.upper()),)), (mine,))
    assert ours(task("a"), (mine,))
    assert not ours(task("a", values=(other,)), (mine,))
    assert not ours(task("a", values=(mine, other)), (mine,))
    assert CANARY not in repr(task("a", values=(mine,)))


def test_the_day_of_receipt_is_the_one_it_says_it_was_served_in_its_own_zone() -> None:
    served = Authorisation(kind="", id=A, served_at=datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    assert received_on(served, order(), ZoneInfo("Europe/Berlin")) == date(2026, 11, 22)
    assert received_on(Authorisation(kind="", id=A), order(), UTC_ZONE) is None
    assert received_on(None, order(), UTC_ZONE) is None


def test_a_day_of_receipt_that_cannot_be_is_not_read() -> None:
    served = Authorisation(kind="", id=A, served_at=datetime(2076, 11, 21, tzinfo=UTC))
    with pytest.raises(Unreadable, match="a day of receipt that lies before the sending, or ahead"):
        received_on(served, order(), UTC_ZONE)


# What is told unasked


def notice(id_: str, at: datetime, status: str = "", type_: Word = GENERAL) -> Notice:
    about = ids.task("HF-1", "a")
    statuses = {about: etsi("LPTaskStatus", status)} if status else {}
    return Notice(
        kind="", id=id_, at=at, type=type_, statuses=statuses, about=(ids.authorisation("HF-1"),), generation=1
    )


def nobody(_: Notice) -> bool:
    return False


@pytest.mark.parametrize(("status", "believed"), [("Invalid", False), ("Error", False), ("Rejected", True)])
def test_a_question_ends_no_task_that_still_runs(status: str, believed: bool) -> None:
    seen = standing(a=task("a", changed_at=NOW))
    asking = notice("form 3", NOW + timedelta(hours=1), status)
    result = told(seen, [asking], asked=lambda each: each is asking)[ids.task("HF-1", "a")]
    assert result is not None
    assert (status_of(result) == status) is believed


def test_a_newer_notification_tells_of_a_task_an_older_one_does_not() -> None:
    seen = standing(a=task("a", changed_at=NOW))
    for moment, status in ((NOW + timedelta(hours=1), "Rejected"), (NOW - timedelta(hours=1), "Preserved")):
        result = told(seen, [notice("n", moment, "Rejected")], asked=nobody)[ids.task("HF-1", "a")]
        assert result is not None
        assert status_of(result) == status
    later = told(
        seen,
        [notice("2", NOW + timedelta(hours=2), "Expired"), notice("1", NOW + timedelta(hours=1), "Error")],
        asked=nobody,
    )
    assert (found := later[ids.task("HF-1", "a")]) is not None
    assert status_of(found) is Status.EXPIRED


def test_a_notification_is_a_question_unless_it_is_known_to_be_none() -> None:
    no_question = E_EVIDENCE.words.no_question
    assert no_question is not None
    unclear = etsi("EPOCNotificationType", "NotClear")
    for notices, asked_by in (
        ([notice("general", NOW)], ""),
        ([notice("general", NOW, "Preserved")], ""),
        ([notice("general", NOW, "Invalid")], "general"),
        ([notice("impossible", NOW, "Invalid", no_question)], ""),
        ([notice("form 3", NOW, "Invalid", unclear)], "form 3"),
        ([notice("unheard of", NOW, "", unclear)], "unheard of"),
        ([notice("first", NOW, "", unclear), notice("second", NOW + timedelta(days=1), "", unclear)], "first"),
        ([replace(notice("somebody else's", NOW, "", unclear), about=(B,))], ""),
    ):
        assert question(SAID, notices, no_question) == asked_by


def test_of_several_questions_none_is_passed_over() -> None:
    unclear = etsi("EPOCNotificationType", "NotClear")
    both = [notice(name, NOW + timedelta(days=n), "", unclear) for n, name in enumerate(("first", "second"))]
    for known, asked_by in (("", "first"), ("first", "second"), ("second", "second"), ("gone", "second")):
        assert question(replace(SAID, question=known), both, None) == asked_by
    assert question(replace(SAID, question="first"), [], None) == "first"


# What is remembered


def test_what_was_seen_is_asked_for_again_after_a_day() -> None:
    memory, tasks = Memory(), {ids.task("HF-1", "a"): task("a", generation=3)}
    memory.keep("HF-1", tasks, NOW, NOW)
    assert memory.of("HF-1", NOW + LONGEST - timedelta(seconds=1)) is not None
    assert memory.of("HF-1", NOW + LONGEST) is None
    assert memory.of("HF-1", NOW - timedelta(seconds=1)) is None  # a clock that was set back
    assert memory.of("HF-2", NOW) is None


def test_without_times_and_generations_nothing_is_remembered() -> None:
    memory, known = Memory(), {"x": task("a", generation=3)}
    for tasks, since in ((known, None), ({"x": task("a")}, NOW)):
        memory.keep("HF-1", known, NOW, NOW)
        memory.keep("HF-1", tasks, since, NOW)
        assert memory.of("HF-1", NOW) is None


def test_no_identifier_is_remembered() -> None:
    memory = Memory()
    values = (Value(owner="ETSI", name="EmailAddress", text=CANARY),)
    memory.keep("HF-1", {"x": task("a", generation=3, values=values)}, NOW, NOW)
    seen = memory.of("HF-1", NOW)
    assert seen is not None
    assert seen.tasks["x"].values == ()


def listed(since: datetime | None, *changed: datetime) -> Heard:
    records = tuple(
        Record(kind="Notification", id=str(n), generation=1, changed_at=at) for n, at in enumerate(changed)
    )
    return Heard(verb="LIST", id="Notification", since=since, records=records)


def test_notifications_are_listed_from_where_an_earlier_poll_left_off() -> None:
    memory, hour = Memory(), timedelta(hours=1)
    assert memory.notices_since(NOW, NOW) == NOW
    memory.cover(listed(NOW - hour, NOW, NOW + hour), NOW)
    for wanted, asked_from in (
        (NOW, NOW + hour - timedelta(seconds=1)),  # another request, sent later
        (NOW - hour, NOW + hour - timedelta(seconds=1)),
        (NOW - 2 * hour, NOW - 2 * hour),  # one that was sent before what was listed
        (None, None),
    ):
        assert memory.notices_since(wanted, NOW) == asked_from
    memory.cover(listed(NOW + hour), NOW + hour)  # nothing new
    assert memory.notices_since(NOW, NOW + hour) == NOW + hour - timedelta(seconds=1)
    memory.cover(listed(None, NOW, NOW + 2 * hour), NOW + hour)
    assert memory.notices_since(None, NOW + hour) == NOW + 2 * hour - timedelta(seconds=1)
    assert memory.notices_since(NOW, NOW + LONGEST) == NOW  # after a day all is listed again
    memory.cover(listed(NOW + 9 * hour), NOW)  # a gap: nothing is known of what lies between
    assert memory.notices_since(NOW, NOW) == NOW


def test_a_code_that_nobody_knows_is_still_a_no() -> None:
    assert fault_of(9999).ground in GROUNDS
