"""Work items: what needs a person, read from the ledger alone."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from unit_support import CANARY, MORNING, Unit, unit_with_portal

from flows import four_eyes, replying, sweeping, work_steps
from flows.answers import PREFIX, SHORT, function_of
from flows.drafts import drafting
from flows.replying import Reply
from flows.work_items import item_of, items_of, open_items
from ledger.interface import NewEvent
from providers.interface import Action
from providers.memory import Behaviour, Does

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = unit_with_portal(tmp_path)
    yield made
    made.office.close()


def abouts(unit: Unit, request: str) -> list[str]:
    return [each.about for each in items_of(unit.office, request)]


def test_what_no_machine_can_send_becomes_an_item_with_steps_and_answers(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "portal"})
    item = item_of(unit.office, request, "channel")
    assert item is not None
    assert item.title.startswith(f"Submit {request} at Portal Ltd's portal")
    assert any("https://portal.example.com/" in step for step in item.steps)
    assert [(each.label, each.flow) for each in item.answers] == [
        ("Take out the packet", "take-out-packet"),
        ("It is submitted", "reply-sent"),
        ("They refused it", "reply-refused"),
        ("I have taken it up", "acknowledge-escalation"),
    ]
    assert item.answers[1].fields == {"request": request, "action": "send", "matter": "channel"}
    assert (item.level, item.told_at, item.taken_up_at) == (1, MORNING, None)


def test_the_entry_itself_settles_the_item(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "portal"})
    replying.record(unit.office, request, Reply(kind="sent", by="clerk"))
    assert "channel" not in abouts(unit, request)
    assert all(each.request != request or each.about != "channel" for each in open_items(unit.office))


def test_to_take_it_up_leaves_it_open_and_says_so(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "portal"})
    replying.record(unit.office, request, Reply(kind="escalation-acknowledged", about="channel", by="clerk"))
    item = item_of(unit.office, request, "channel")
    assert item is not None
    assert item.taken_up_at == MORNING
    items = items_of(unit.office, request)
    (row,) = unit.office.ledger.rows(for_people=True)
    assert row.matters == len(items)
    assert row.level == max((each.level for each in items if each.taken_up_at is None), default=0)


def test_the_index_counts_exactly_what_stands_open(unit: Unit) -> None:
    unit.play("alpha", Behaviour(does=Does.REFUSE, on=Action.SEND, ground="over-broad"))
    ids = unit.preserve({"provider": "portal"}, {}, {"provider": "portal"})
    for _ in range(6):
        unit.run_until(unit.office.now() + timedelta(days=5))
        rows = {row.request: row.matters for row in unit.office.ledger.rows(open_only=False)}
        assert rows == {request: len(items_of(unit.office, request)) for request in ids}
        assert sum(rows.values()) == len(open_items(unit.office)) > 0


def test_the_most_urgent_comes_first_and_what_is_taken_up_last(unit: Unit) -> None:
    first, second, third = unit.preserve(*[{"provider": "portal"}] * 3)
    for request in (first, second, third):
        if "coverage" in abouts(unit, request):
            replying.record(unit.office, request, Reply(kind="escalation-acknowledged", about="coverage", by="clerk"))
    replying.record(unit.office, second, Reply(kind="escalation-acknowledged", about="channel", by="clerk"))
    unit.later(hours=13)
    unit.sweep()
    replying.record(unit.office, third, Reply(kind="escalation-acknowledged", about="channel", by="clerk"))
    items = [(each.request, each.level) for each in open_items(unit.office) if each.about == "channel"]
    assert items[0][0] == first
    found = open_items(unit.office)
    taken = [each.taken_up_at is not None for each in found]
    assert taken == sorted(taken)
    assert {True, False} == set(taken)
    levels = [each.level for each in found if each.taken_up_at is None]
    assert levels == sorted(levels, reverse=True)
    assert open_items(unit.office, limit=1)[0].request == first


def test_an_item_names_no_account_and_no_sealed_word(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "portal"})
    assert CANARY not in repr(items_of(unit.office, request))


def test_what_is_overdue_already_names_no_day_months_ahead(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "portal"})
    replying.record(unit.office, request, Reply(kind="sent", by="clerk"))
    unit.run_until(unit.office.now() + timedelta(days=5))
    item = item_of(unit.office, request, "acknowledgement")
    assert item is not None
    assert item.by is None
    assert " by " not in item.title


def test_a_hold_that_only_a_person_can_save_is_to_be_saved_before_it_ends(unit: Unit) -> None:
    unit.play("alpha", Behaviour(does=Does.REFUSE, on=Action.EXTEND, ground="over-broad"))
    (request,) = unit.preserve()
    unit.run_until(unit.office.now() + timedelta(days=70))
    (item,) = [each for each in items_of(unit.office, request) if each.kind == "ending"]
    assert item.by == unit.office.hold(request).strict_at
    assert item.by is not None
    assert " by " in item.title


def test_that_it_was_kept_all_along_undoes_the_providers_word_and_no_day_that_has_passed(unit: Unit) -> None:
    unit.play("alpha")
    (by_word, by_day) = unit.preserve({}, {})
    unit.office.append(by_word, [("expired", {"state": "expired"}), ("lapsed", {"strict_on": "2027-02-18"})])
    unit.sweep()
    assert "They kept it all along" in answers_to_a_lapse(unit, by_word)
    unit.at(MORNING + timedelta(days=95))
    unit.office.append(by_day, [("lapsed", {"strict_on": "2027-02-18"})])
    sweeping.work_on(unit.office, [by_day])
    assert "They kept it all along" not in answers_to_a_lapse(unit, by_day)


def answers_to_a_lapse(unit: Unit, request: str) -> list[str]:
    (item,) = [each for each in items_of(unit.office, request) if each.kind == "lapsed"]
    return [each.label for each in item.answers]


def test_a_draft_is_an_item_before_anybody_was_told(unit: Unit) -> None:
    (request,) = unit.register({})
    unit.office.append(request, [drafting(unit.office.settings, request)])
    (item,) = items_of(unit.office, request)
    assert (item.kind, item.level, item.told_at) == ("draft", 0, None)
    assert [each.flow for each in item.answers] == ["preserve-draft", "release-request"]
    assert item.answers[0].fields == {"draft": request}
    (row,) = unit.office.ledger.rows(for_people=True)
    assert (row.request, row.matters, row.level) == (request, 1, 0)


def test_what_waits_for_a_second_person_offers_no_form(unit: Unit) -> None:
    (request,) = unit.register({"urgency": "emergency"})
    unit.office.append(request, [four_eyes.asking(unit.office.settings, "send")])
    (item,) = items_of(unit.office, request)
    assert item.kind == "approval"
    assert item.answers == ()
    assert any(f"holdfast approve {request} --what send" in step for step in item.steps)


def test_every_word_that_the_ladder_can_tell_of_has_words_of_its_own() -> None:
    """The kinds are read from the timeline's own text: a new matter without words is noticed here."""
    import re

    text = "".join(path.read_text() for path in (ROOT / "timeline").glob("*.py"))
    told = set(re.findall(r"tell\(\s*(?:seen|self),\s*f?\"([a-z-]+)[:\"]", text))
    told |= {
        "lapsed",
        "imminent",
        "announce",
        "clarify",
        "release",
        "approval",
        "proof-of-mla",
        "confidentiality-end",
    }
    for path in (ROOT / "config" / "instruments").glob("*.toml"):
        instrument = tomllib.loads(path.read_text())
        told |= {each["kind"] for each in instrument.get("short_clock", [])}
    assert len(told) > 20
    assert told - set(work_steps._KINDS) == set()


def test_answers_are_entries_that_the_record_takes(unit: Unit) -> None:
    """Every prefilled entry names a kind and fields that exist; a wrong word would fail in front of a clerk."""
    unit.play("alpha", Behaviour(does=Does.REFUSE, on=Action.SEND, ground="over-broad"))
    sent, _, _ = unit.preserve({"provider": "portal"}, {}, {"provider": "portal"})
    replying.record(unit.office, sent, Reply(kind="sent", by="clerk"))
    seen = set()
    for _ in range(20):
        unit.run_until(unit.office.now() + timedelta(days=3))
        for item in open_items(unit.office):
            for answer in item.answers:
                seen.add((item.kind, answer.flow))
                if answer.flow.startswith(PREFIX):
                    short = answer.flow.removeprefix(PREFIX)
                    kind = replying.KINDS[short]
                    given = set(answer.fields) - {"request", "matter"}
                    assert given <= {*kind.needs, *kind.may}, (item.kind, answer)
                    assert given <= set(SHORT[short].fields), "the form shows what its link fills in"
                    assert answer.fields["matter"] == item.about
    assert len(seen) > 4


def test_what_is_read_is_the_record_and_no_copy_of_it(unit: Unit) -> None:
    """An item of a request that another process moved on is made from what that process wrote."""
    (request,) = unit.preserve({"provider": "portal"})
    before = items_of(unit.office, request)
    event = NewEvent(
        kind="sent",
        at=MORNING,
        actor="another process",
        body=json.loads('{"action": "send", "sequence": 1, "channel": "post", "source": "person"}'),
    )
    unit.office.ledger.append(request, [event], unit.office.histories.project, now=MORNING)
    assert "channel" in [each.about for each in before]
    assert "channel" not in abouts(unit, request)


def test_a_short_form_shows_what_its_entry_may_say_and_demands_what_it_needs() -> None:
    import inspect

    from flows.forms import short

    for kind, shown in SHORT.items():
        meaning = replying.KINDS[kind]
        flow = vars(short)[function_of(kind)]
        fields = inspect.signature(flow.fn).parameters
        assert list(fields) == ["request", *shown.fields, "by", "matter"]
        assert {*meaning.needs} <= {*shown.fields} <= {*meaning.needs, *meaning.may}
        demanded = {name for name, each in fields.items() if each.default is inspect.Parameter.empty}
        assert demanded == {"request", "by", *meaning.needs}


def test_a_reference_given_at_once_for_what_was_submitted_is_a_receipt(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "portal"})
    hold, _ = replying.record(unit.office, request, Reply(kind="sent", reference="P-77", by="clerk"))
    assert hold.references == ("P-77",)
    assert hold.acknowledged_at is not None
    assert str(hold.state) == "acknowledged"
