"""The likely answers of work items: each is taken, does what its link says, and is entered once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from unit_support import CANARY, MORNING, Unit, unit_with_portal

from flows import asking, drafts
from flows.answers import PREFIX
from flows.catalogue import Catalogue
from flows.forms.clear import names_no_account
from flows.forms.entered import Wrong
from flows.forms.matters import answering, taking_up
from flows.packets import find
from flows.replying import Reply, ReplyError, record
from flows.work_items import Answer, WorkItem, items_of, open_items
from providers.interface import Action
from providers.memory import Behaviour, Does
from timeline.rules import FourEyes


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = unit_with_portal(tmp_path)
    yield made
    made.office.close()


def press(unit: Unit, answer: Answer, **more: Any) -> None:
    """What the form of an answer enters, filled in as its link fills it in."""
    fields: dict[str, Any] = {**answer.fields, "by": "Contact team", **more}
    request, matter = fields.pop("request", ""), fields.pop("matter", "")
    match answer.flow:
        case flow if flow.startswith(PREFIX):
            reply = Reply(kind=flow.removeprefix(PREFIX), **fields)
            record(unit.office, request, reply, unless=answering(unit.office, matter))
        case "record-reply":
            record(unit.office, request, Reply(**fields), unless=answering(unit.office, matter))
        case "acknowledge-escalation":
            reply = Reply(kind="escalation-acknowledged", about=matter, by="Contact team")
            record(unit.office, request, reply, unless=taking_up(unit.office, matter))
        case "release-request":
            because, by = "the case was closed", "Contact team"
            asking.release(unit.office, request, because=because, by=by, unless=answering(unit.office, matter))
        case "preserve-draft":
            drafts.send_draft(unit.office, fields["draft"], "Contact team")
        case "take-out-packet":
            find(unit.office, request, action=Action(fields["action"]))


def item(unit: Unit, kind: str) -> WorkItem:
    found = [each for each in open_items(unit.office) if each.kind == kind]
    assert len(found) == 1, (kind, [each.about for each in open_items(unit.office)])
    return found[0]


def labelled(of: WorkItem, label: str) -> Answer:
    return next(each for each in of.answers if each.label == label)


def is_open(unit: Unit, of: WorkItem) -> bool:
    return of.about in {each.about for each in items_of(unit.office, of.request)}


# How the record comes to ask for something


def by_portal(unit: Unit, **of_request: Any) -> str:
    (request,) = unit.preserve({"provider": "portal"} | of_request)
    return request


def sent_by_portal(unit: Unit, **of_request: Any) -> str:
    request = by_portal(unit, **of_request)
    record(unit.office, request, Reply(kind="sent", by="Contact team"))
    return request


def of_provider(unit: Unit, does: Does, on: Action | None = None, **of_request: Any) -> str:
    played = Behaviour(does=does, on=on, times=None)
    unit.play("alpha", played, can_find=does is not Does.SILENT)
    (request,) = unit.preserve(of_request)
    return request


def after(unit: Unit, days: float) -> None:
    unit.run_until(unit.office.now() + timedelta(days=days))


def channel(unit: Unit) -> None:
    by_portal(unit)


def unreachable(unit: Unit) -> None:
    of_provider(unit, Does.UNAVAILABLE)
    after(unit, 2)


def unknown(unit: Unit) -> None:
    of_provider(unit, Does.SILENT)
    after(unit, 1)


def acknowledgement(unit: Unit) -> None:
    sent_by_portal(unit)
    after(unit, 9)


def confirmation(unit: Unit) -> None:
    request = sent_by_portal(unit)
    record(unit.office, request, Reply(kind="acknowledged", by="Contact team"))
    after(unit, 9)


def polls(unit: Unit) -> None:
    request = of_provider(unit, Does.DELAY, Action.CLARIFY)
    for _ in range(4):
        unit.later(days=1)
        unit.office.append(request, [("poll-failed", {"reason": "no answer"})])
    unit.sweep()


def extension(unit: Unit) -> None:
    request = sent_by_portal(unit)
    record(unit.office, request, Reply(kind="preserved", by="Contact team"))
    after(unit, 85)


def ending(unit: Unit) -> None:
    of_provider(unit, Does.REFUSE, Action.EXTEND)
    after(unit, 80)


def ending_in_brazil(unit: Unit) -> None:
    of_provider(unit, Does.DELAY, Action.CLARIFY, instrument="br.mci.13")
    after(unit, 45)


def imminent(unit: Unit) -> None:
    request = sent_by_portal(unit)
    record(unit.office, request, Reply(kind="preserved", by="Contact team"))
    after(unit, 89.5)


def lapsed(unit: Unit) -> None:
    of_provider(unit, Does.REFUSE, Action.EXTEND)
    after(unit, 92)


def late_stop(unit: Unit) -> None:
    request = of_provider(unit, Does.REFUSE, Action.EXTEND, instrument="br.mci.13")
    after(unit, 60.5)
    record(unit.office, request, Reply(kind="petition-filed", on=unit.office.now().date(), by="Contact team"))
    after(unit, 0.1)


def review(unit: Unit) -> None:
    request = of_provider(unit, Does.DELAY, Action.CLARIFY, instrument="br.mci.13")
    record(unit.office, request, Reply(kind="petition-filed", on=unit.office.now().date(), by="Contact team"))
    after(unit, 45)


def european(unit: Unit, request: str) -> None:
    record(unit.office, request, Reply(kind="acknowledged", by="Contact team"))
    record(unit.office, request, Reply(kind="preserved", by="Contact team"))


def validation(unit: Unit) -> None:
    request = sent_by_portal(unit, instrument="eu.epocpr", urgency="emergency")
    european(unit, request)
    after(unit, 1)


def clarification(unit: Unit) -> None:
    request = sent_by_portal(unit, instrument="eu.epocpr")
    european(unit, request)
    record(unit.office, request, Reply(kind="clarification", by="Contact team"))
    after(unit, 1)


def clarify(unit: Unit) -> None:
    clarification(unit)
    asking.answer(unit.office, item(unit, "clarification").request, text="It is so.")
    after(unit, 1)


def announce(unit: Unit) -> None:
    request = sent_by_portal(unit, instrument="eu.epocpr")
    european(unit, request)
    asking.announce(unit.office, request)
    after(unit, 1)


def announce_by_letter(unit: Unit) -> None:
    request = of_provider(unit, Does.DELAY, Action.CLARIFY, instrument="eu.epocpr")
    asking.announce(unit.office, request)
    after(unit, 1)


def release_asked(unit: Unit) -> None:
    asking.release(unit.office, sent_by_portal(unit), because="not needed")
    after(unit, 1)


def produced(unit: Unit) -> None:
    request = sent_by_portal(unit, instrument="eu.epocpr")
    european(unit, request)
    record(unit.office, request, Reply(kind="produced", by="Contact team"))
    after(unit, 1)


def mla_plan(unit: Unit) -> None:
    of_provider(unit, Does.DELAY, Action.CLARIFY)
    after(unit, 15)


def draft(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.register({})
    unit.office.append(request, [drafts.drafting(unit.office.settings, request)])


SETTLED: list[tuple[str, Callable[[Unit], None], str, dict[str, Any]]] = [
    ("channel", channel, "It is submitted", {}),
    ("channel", channel, "They refused it", {"ground": "form"}),
    ("unreachable", unreachable, "It is sent", {}),
    ("outcome-unknown", unknown, "They have it", {}),
    ("outcome-unknown", unknown, "They do not have it: send it again", {}),
    ("acknowledgement", acknowledgement, "They have it", {"reference": "P-77"}),
    ("acknowledgement", acknowledgement, "They keep the data", {}),
    ("acknowledgement", acknowledgement, "They refuse", {"ground": "other"}),
    ("acknowledgement", acknowledgement, "No such account", {"item": "i1"}),
    ("confirmation", confirmation, "They keep the data", {}),
    ("polls", polls, "They keep the data", {}),
    ("extension", extension, "It is extended", {"until": "later"}),
    ("extension", extension, "They refuse to extend", {"ground": "extension-not-granted"}),
    ("ending", ending, "They extend it all the same", {"until": "later"}),
    ("ending", ending, "Release the hold", {}),
    ("ending", ending_in_brazil, "The court was asked", {"on": "today"}),
    ("imminent", imminent, "They extend it all the same", {"until": "later"}),
    ("lapsed", lapsed, "They keep it on", {"until": "later"}),
    ("late-stop", late_stop, "They keep the data", {}),
    ("late-stop", late_stop, "They keep them no longer", {}),
    ("review", review, "What kept it on is over", {"on": "today"}),
    ("validation", validation, "It was validated", {}),
    ("clarification", clarification, "It was answered", {}),
    ("clarify", clarify, "It was answered", {}),
    ("announce", announce, "They were told", {"on": "today"}),
    ("release", release_asked, "They were told", {}),
    ("release", produced, "They were told", {}),
    ("mla-plan", mla_plan, "It was sent", {"on": "today"}),
    ("draft", draft, "Send it", {}),
    ("draft", draft, "Withdraw it", {}),
]
"""Kind of item, how it comes about, the answer that is pressed, and what the clerk adds."""


@pytest.mark.parametrize(
    ("kind", "comes_about", "label", "adds"), SETTLED, ids=[f"{each[0]}: {each[2]}" for each in SETTLED]
)
def test_an_answer_settles_its_item_and_a_second_click_enters_nothing(
    unit: Unit, kind: str, comes_about: Callable[[Unit], None], label: str, adds: dict[str, Any]
) -> None:
    comes_about(unit)
    found = item(unit, kind)
    ends = unit.office.hold(found.request).expiry
    days = {"today": unit.office.now().date(), "later": ends.legal_on + timedelta(days=30) if ends else None}
    more = {name: days.get(value, value) for name, value in adds.items()}
    press(unit, labelled(found, label), **more)
    assert not is_open(unit, found)
    before = unit.kinds(found.request)
    unit.later(minutes=1)
    with pytest.raises(ReplyError):
        press(unit, labelled(found, label), **more)
    assert unit.kinds(found.request) == before


@pytest.mark.parametrize(
    "comes_about", [channel, extension, clarify, announce, announce_by_letter, release_asked, produced, unreachable]
)
def test_a_packet_is_offered_only_where_there_is_one(unit: Unit, comes_about: Callable[[Unit], None]) -> None:
    comes_about(unit)
    for found in open_items(unit.office):
        for answer in found.answers:
            if answer.flow == "take-out-packet":
                press(unit, answer)


def test_what_went_out_by_machine_and_must_be_told_by_hand_is_told_by_letter(unit: Unit) -> None:
    announce_by_letter(unit)
    found = item(unit, "announce")
    assert [each.label for each in found.answers] == ["They were told", "I have taken it up"]
    assert f"holdfast letter {found.request} --action announce" in found.steps[0]


def test_no_extension_is_offered_where_the_law_knows_none(unit: Unit) -> None:
    ending_in_brazil(unit)
    assert all(each.fields.get("kind") != "extended" for each in item(unit, "ending").answers)
    after(unit, 40)
    assert all(each.fields.get("kind") != "extended" for each in item(unit, "lapsed").answers)


def test_a_release_that_takes_two_people_is_offered_by_no_form(unit: Unit) -> None:
    ending(unit)
    office = unit.office
    eyes = FourEyes(emergency=True, release=True, erase=True, approve_within=timedelta(minutes=15))
    changed: Catalogue = replace(office.catalogue, policy=replace(office.policy, four_eyes=eyes))
    office.catalogue = changed
    found = item(unit, "ending")
    assert all(each.flow != "release-request" for each in found.answers)
    assert f"holdfast release {found.request}" in found.steps[-1]


def test_a_draft_is_not_ended_by_an_old_link_to_withdraw_it(unit: Unit) -> None:
    """Whoever opened "Withdraw it" before somebody else sent it would let the provider delete the data."""
    draft(unit)
    found = item(unit, "draft")
    press(unit, labelled(found, "Send it"))
    unit.sweep()
    with pytest.raises(ReplyError, match=r"this was settled by Contact team, .*nothing was entered"):
        press(unit, labelled(found, "Withdraw it"))
    assert unit.office.hold(found.request).state == "in-force"


def test_an_extension_that_is_confirmed_twice_counts_once(unit: Unit) -> None:
    """A second click must not make a hold seem to last longer than it does; with or without an item."""
    extension(unit)
    request = item(unit, "extension").request
    reply = Reply(kind="extended", by="Contact team")
    with pytest.raises(ReplyError, match="nobody is on record as having asked for extension 1"):
        record(unit.office, request, reply, unless=answering(unit.office))
    record(unit.office, request, Reply(kind="sent", action="extend", by="Contact team"))
    record(unit.office, request, reply, unless=answering(unit.office))
    ends = unit.office.hold(request).expiry
    for look in (answering(unit.office), None):
        unit.later(minutes=1)
        with pytest.raises(ReplyError, match="on record already"):
            record(unit.office, request, reply, unless=look)
    assert unit.office.hold(request).expiry == ends


def test_another_extension_than_the_law_gives_is_entered_with_its_day(unit: Unit) -> None:
    extension(unit)
    request = item(unit, "extension").request
    record(unit.office, request, Reply(kind="sent", action="extend", by="Contact team"))
    record(unit.office, request, Reply(kind="extended", by="Contact team"), unless=answering(unit.office))
    ends = unit.office.hold(request).expiry
    assert ends is not None
    until = ends.strict_on + timedelta(days=30)
    record(
        unit.office, request, Reply(kind="extended", until=until, by="Contact team"), unless=answering(unit.office)
    )
    now = unit.office.hold(request).expiry
    assert now is not None
    assert now.strict_on == until


@pytest.mark.parametrize("matter", ["", "coverage"])
def test_an_entry_that_settles_nothing_is_entered_once_all_the_same(unit: Unit, matter: str) -> None:
    mla_plan(unit)
    request = item(unit, "coverage").request
    reply = Reply(kind="mla-sent", on=MORNING.date(), by="Contact team")
    record(unit.office, request, reply, unless=answering(unit.office, matter))
    unit.later(minutes=5)
    with pytest.raises(ReplyError, match="that is on record already by Contact team"):
        record(unit.office, request, replace(reply, by="Second person"), unless=answering(unit.office, matter))
    assert unit.kinds(request).count("mla-sent") == 1


def test_a_correction_is_no_second_click(unit: Unit) -> None:
    request = sent_by_portal(unit)
    unit.later(hours=5)
    at = unit.office.now() - timedelta(hours=7)
    record(unit.office, request, Reply(kind="sent", at=at, by="Contact team"), unless=answering(unit.office))
    assert unit.office.hold(request).sent_at == at
    day, other = MORNING.date(), (MORNING - timedelta(days=1)).date()
    record(unit.office, request, Reply(kind="mla-sent", on=day, by="one"), unless=answering(unit.office))
    record(unit.office, request, Reply(kind="mla-sent", on=other, by="one"), unless=answering(unit.office))
    assert unit.office.hold(request).mla.sent_on == other


def test_a_second_question_of_the_provider_is_no_second_click(unit: Unit) -> None:
    clarification(unit)
    request = item(unit, "clarification").request
    for kind in ("clarification-answered", "clarification"):
        unit.later(hours=1)
        record(unit.office, request, Reply(kind=kind, by="Contact team"), unless=answering(unit.office))
    assert unit.kinds(request).count("clarification") == 2


def test_another_question_while_one_is_open_is_told_how_to_be_entered(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    question = Reply(kind="clarification", by="Contact team")
    record(unit.office, request, question, unless=answering(unit.office))
    asked_at = unit.later(days=2)
    with pytest.raises(ReplyError, match=r"is it another one\? Record the answer to the open one") as refused:
        record(unit.office, request, question, unless=answering(unit.office))
    assert "nothing was entered" in str(refused.value)
    unit.later(hours=3)
    record(
        unit.office, request, Reply(kind="clarification-answered", by="Contact team"), unless=answering(unit.office)
    )
    assert not unit.office.hold(request).unanswered
    again = Reply(kind="clarification", by="Contact team", at=asked_at)
    record(unit.office, request, again, unless=answering(unit.office))
    assert unit.office.hold(request).unanswered


def test_a_deadline_at_midnight_is_said_as_the_end_of_the_day_before(unit: Unit) -> None:
    extension(unit)
    assert item(unit, "extension").title.endswith("at Portal Ltd by the end of Thu 18 Feb 2027 (UTC)")


class TestAnotherRequestsAccount:
    """Whoever answers the wrong request types the account of another one."""

    @pytest.fixture
    def accounts(self, unit: Unit) -> Unit:
        unit.register(
            {"identifiers": [{"type": "username", "value": "Night.Owl_77"}]},
            {"identifiers": [{"type": "phone", "value": "+12125550100"}]},
            {"identifiers": [{"type": "username", "value": "officer"}]},
        )
        return unit

    @pytest.mark.parametrize("text", ["night.owl_77", "case Night.Owl_77/1", "+1 212-555-0100", "ref:(Night.Owl_77)"])
    def test_it_is_found_however_it_is_written_and_not_quoted(self, accounts: Unit, text: str) -> None:
        with pytest.raises(Wrong) as wrong:
            names_no_account(accounts.office, {"Their reference": text, "Entered by": "Contact team"})
        assert wrong.value.lines == ("Their reference: names an account and stays readable; write it without",)

    def test_a_plain_word_is_none_though_somebody_is_called_so(self, accounts: Unit) -> None:
        names_no_account(accounts.office, {"Entered by": "Duty officer", "Their reference": "PORTAL-2026-0815"})
        assert CANARY not in repr(accounts.office.settings)


def before(unit: Unit, monkeypatch: pytest.MonkeyPatch, kind: str, meanwhile: Callable[[], object]) -> None:
    """Have something happen once, right before an event of this kind is appended."""
    real, rest = unit.office.append, [meanwhile]

    def append(request: str, events: Any, **how: Any) -> Any:
        if rest and events[0][0] == kind:
            rest.pop()()
        return real(request, events, **how)

    monkeypatch.setattr(unit.office, "append", append)


class TestADraftOfSeveral:
    @pytest.fixture
    def two(self, unit: Unit) -> tuple[str, str]:
        unit.play("alpha")
        first, second = unit.register({}, {})
        for each in (first, second):
            unit.office.append(each, [drafts.drafting(unit.office.settings, first)])
        return first, second

    def test_a_go_ahead_that_was_cut_off_in_the_middle_is_gone_on_with(
        self, unit: Unit, two: tuple[str, str]
    ) -> None:
        first, second = two
        unit.office.append(first, [("go-ahead", {"user": "one", "source": "person", "by": "Contact team"})])
        assert [each.request for each in open_items(unit.office) if each.kind == "draft"] == [second]
        assert drafts.send_draft(unit.office, first, "Contact team") == [second]
        unit.sweep()
        assert [unit.office.hold(each).state for each in two] == ["in-force", "in-force"]
        assert [unit.kinds(each).count("go-ahead") for each in two] == [1, 1]

    def test_what_was_sent_by_hand_or_withdrawn_meanwhile_is_left_alone(
        self, unit: Unit, two: tuple[str, str]
    ) -> None:
        first, second = two
        record(unit.office, first, Reply(kind="sent", by="Contact team"))
        asking.release(unit.office, second, because="not needed", by="Contact team")
        with pytest.raises(ReplyError, match="there is nothing to send any more"):
            drafts.send_draft(unit.office, first, "Contact team")
        assert "go-ahead" not in unit.kinds(first) + unit.kinds(second)

    def test_what_is_withdrawn_in_the_moment_of_the_go_ahead_stays_withdrawn(
        self, unit: Unit, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = two
        before(unit, monkeypatch, "go-ahead", lambda: asking.release(unit.office, first, because="wrong account"))
        assert drafts.send_draft(unit.office, first, "Contact team") == [second]
        assert "go-ahead" not in unit.kinds(first)
        assert unit.office.hold(first).withdrawn

    def test_what_is_let_go_in_the_moment_it_is_withdrawn_is_not_released_by_one_person(
        self, unit: Unit, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, _ = two

        def let_go() -> None:
            drafts.send_draft(unit.office, first, "Contact team")
            unit.sweep()

        before(unit, monkeypatch, "release-asked", let_go)
        with pytest.raises(ReplyError, match=f"{first}: somebody let it go just now, so it is no draft any more"):
            asking.release(unit.office, first, because="not needed", by="Duty officer")
        assert "release-asked" not in unit.kinds(first)
        assert unit.office.hold(first).state == "in-force"

    def test_nobody_enters_an_account_of_any_of_them_as_the_name(self, unit: Unit, two: tuple[str, str]) -> None:
        first, _ = two
        with pytest.raises(ReplyError, match="names an account"):
            drafts.send_draft(unit.office, first, f"1.{CANARY}")
        assert "go-ahead" not in unit.kinds(first)
