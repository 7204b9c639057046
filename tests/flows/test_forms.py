"""What the forms make of what is typed into them: checks, words, and what two people do at once. Without Prefect."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from forms_support import typed_case
from prefect_support import LiveUnit, PlayedProviders

from flows import asking
from flows.casefile import check_case
from flows.forms.case_form import CaseEntry, RequestEntry, document, harmless, place, told
from flows.forms.choices import meant, shown
from flows.forms.clear import unquoted
from flows.forms.many import Job, Wanted
from flows.forms.matters import answering, taking_up
from flows.handing import fresh, write_out
from flows.intake import CaseErrors, judge
from flows.problems import Problem
from flows.replying import Reply, ReplyError, record
from flows.sweeping import work_on


@pytest.fixture(scope="module")
def played() -> Any:
    running = PlayedProviders()
    yield running
    running.stop()


@pytest.fixture
def unit(tmp_path: Path, played: PlayedProviders) -> LiveUnit:
    unit = LiveUnit(tmp_path)
    unit.provider("alpha", played.address("alpha"))
    played.trouble("alpha", {})
    return unit


@pytest.fixture
def sent(unit: LiveUnit) -> str:
    """A request that the provider holds, and whose gap people were told of."""
    (request,) = unit.register("alpha")
    with unit.office() as office:
        work_on(office, [request])
        work_on(office, [request])
    return request


def checked(unit: LiveUnit, **changed: Any) -> list[str]:
    """What a clerk is told of a case, one line for each thing."""
    typed = typed_case("alpha")
    typed["case"] |= changed.pop("case", {})
    typed["requests"][0] |= changed.pop("request", {})
    case, requests = CaseEntry(**typed["case"]), [RequestEntry(**each) for each in typed["requests"]]
    now = datetime.now(UTC)
    with unit.office() as office:
        read = check_case(document(case, requests, notice_accepted_by=""), now=now)
        try:
            _, drafts, notes = judge(*read, office.catalogue, at=now)
        except CaseErrors as errors:
            return [told(each) for each in errors.problems if each.severity == "error"]
    found = [*notes, *(finding.problem for draft in drafts for finding in draft.findings)]
    return [told(each) for each in found if each.severity == "error"]


class TestACaseTypedIntoAForm:
    def test_what_is_right_is_taken(self, unit: LiveUnit) -> None:
        assert checked(unit) == []

    @pytest.mark.parametrize(
        ("changed", "line"),
        [
            ({"case": {"country": "us"}}, 'Case: Country: is not two capital letters; write "US"'),
            (
                {"case": {"email": "duty"}},
                'Case: E-mail: has no @; write name@domain; a handle is a "username"',
            ),
            ({"case": {"reference": " "}}, "Case: Case number: is empty; give the unit's own number of the case"),
            (
                {"request": {"provider": "Nobody (nobody)"}},
                "Request 1: Provider: no such provider is in the catalogue; choose from the list",
            ),
            (
                {"request": {"period_to": "2026-01-01T00:00:00Z"}},
                "Request 1: Until: the period ends at or before its beginning; check from and to",
            ),
            (
                {"request": {"accounts": [{"type": "ip", "value": "192.0.2.7:51820"}]}},
                'Request 1, Account 1: Account: the ip has no time, and addresses change hands; fill in "Used from"',
            ),
            (
                {"request": {"accounts": [{"type": "email", "value": ""}]}},
                "Request 1, Account 1: Account: is empty; give the identifier, as the provider knows it",
            ),
            ({"request": {"snapshot_of": "HF-1"}}, "Request 1: New snapshot of: is not the id of a request"),
            (
                {"case": {"country": "CA"}, "request": {"instrument": "ca.487.012.domestic"}},
                "Request 1: Day on the order: is missing, and ca.487.012.domestic counts from it;"
                ' "Day on the order": the day on the order; its 21 days run from it',
            ),
            (
                {"request": {"made_on": "2026-11-12"}},
                "Request 1: Day on the order: us.18usc2703f does not count from the day it was made; leave"
                ' "Day on the order" out',
            ),
        ],
    )
    def test_each_mistake_is_told_by_the_titles_of_the_form(
        self, unit: LiveUnit, changed: dict[str, Any], line: str
    ) -> None:
        assert any(each.startswith(line) for each in checked(unit, **changed)), checked(unit, **changed)

    def test_all_mistakes_are_told_at_once(self, unit: LiveUnit) -> None:
        wrong = checked(
            unit,
            case={"country": "us", "phone": "0"},
            request={"accounts": [{"type": "email", "value": "x"}, {"type": "phone", "value": "1"}]},
        )
        assert [each.partition(";")[0].partition(": ")[0] for each in wrong].count("Case") == 2
        assert [each for each in wrong if each.startswith("Request 1, Account 2")]

    def test_no_line_quotes_what_was_typed(self, unit: LiveUnit) -> None:
        lines = checked(unit, request={"accounts": [{"type": "email", "value": "canary"}], "language": "canary"})
        assert lines
        assert "canary" not in " ".join(lines)

    @pytest.mark.parametrize("account", ["canary_leak", "Canary Leak", "canary.leak@example.com", "+1 555 0100"])
    @pytest.mark.parametrize("field", ["country", "mla_state"])
    def test_no_line_quotes_an_account_that_was_pasted_where_a_country_belongs(
        self, unit: LiveUnit, field: str, account: str
    ) -> None:
        lines = checked(unit, case={field: account})
        typed = {"case": {field: account}, "requests": []}
        quoting = [f"Request 1: Legal basis: an authority of {account} cannot issue it", *lines]
        instead = "Request 1: Legal basis: cannot be used as it is; read the help below the field"
        assert unquoted(quoting, typed)[0] == instead
        assert account.casefold() not in " ".join(unquoted(quoting, typed)).casefold()
        assert any(each.startswith("Case: ") for each in unquoted(lines, typed))

    def test_a_line_that_quotes_nothing_is_told_as_it_is(self) -> None:
        lines = ["Case: Country: is not two capital letters; write US"]
        assert unquoted(lines, typed_case("alpha")) == lines

    def test_a_planned_a_sent_and_a_received_mla_request_are_told_apart(self, unit: LiveUnit) -> None:
        yesterday = str((datetime.now(UTC) - timedelta(days=2)).date())
        for step in ("it left on that day", "the other State received it on that day"):
            assert checked(unit, case={"mla_step": step, "mla_day": yesterday}) == []
        assert checked(unit, case={"mla_step": "it left on that day", "mla_day": "2099-01-01"}) == [
            'Case: Day of the MLA request: lies in the future; choose "planned" as what that day is'
        ]

    def test_the_same_account_twice_is_told_by_the_form_s_own_places(self, unit: LiveUnit) -> None:
        twice = Problem(
            where="form: request[0].identifiers[1]",
            problem="the same email as at form: request[0].identifiers[0]",
            fix="remove one of them; it is asked for once",
        )
        here, there = "Request 1, Account 2", "Request 1, Account 1"
        assert told(twice) == f"{here}: the same email as at {there}; remove one of them; it is asked for once"

    def test_a_place_that_no_field_stands_for_is_still_told(self) -> None:
        assert (place("form: request[1].identifiers[2].port"), place("form")) == ("Request 2, Account 3", "Requests")

    def test_a_choice_is_shown_by_name_and_meant_by_id(self) -> None:
        assert [meant(shown(*each)) for each in (("Google", "google"), ("A (b)", "crypto.com"), ("x", "x"))] == [
            "google",
            "crypto.com",
            "x",
        ]


class TestTheFormAgain:
    def test_it_is_filled_in_with_what_says_nothing(self) -> None:
        kept = harmless(typed_case("alpha"))
        assert kept["case"]["reference"] == "CY-2026-0412"
        assert set(kept["case"]) == {"reference", "country", "mla_state", "mla_day"}
        (request,) = kept["requests"]
        assert request["accounts"] == [{"type": "email"}]
        assert request["period_from"].endswith("Z")

    @pytest.mark.parametrize("field", ["reference", "country", "mla_state", "mla_day", "mla_step", "mla_profile"])
    def test_an_account_in_the_wrong_field_is_not_kept(self, field: str) -> None:
        typed = typed_case("alpha")
        for canary in ("canary.account@example.com", "CANARY-1042@example.com", "+1-555-0100"):
            typed["case"][field] = canary
            assert "555" not in str(harmless(typed)["case"])
            assert "anary" not in str(harmless(typed)).casefold()

    def test_an_account_that_looks_like_a_case_number_is_not_kept(self) -> None:
        typed = typed_case("alpha", value="PLAYER-77")
        typed["case"]["reference"] = "OF PLAYER-77"
        assert "PLAYER" not in str(harmless(typed))

    @pytest.mark.parametrize(
        "shapeless", [{}, {"case": "x", "requests": "x"}, {"case": [1], "requests": [1, {"accounts": 1}]}]
    )
    def test_what_has_no_shape_gives_an_empty_form(self, shapeless: dict[str, Any]) -> None:
        assert harmless(shapeless)["case"] == {}


def together(*acts: Callable[[], object]) -> list[str]:
    """Do all at once; what each of those was told that failed."""
    gate, said = threading.Barrier(len(acts)), list[str]()

    def do(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
        except ReplyError as error:
            said.append(str(error))

    threads = [threading.Thread(target=do, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


class TestTwoPeopleAtOnce:
    def test_of_the_same_reply_one_is_entered_and_the_other_is_told_who(self, unit: LiveUnit, sent: str) -> None:
        def enter(by: str) -> Callable[[], object]:
            def act() -> None:
                with unit.office() as office:
                    on = (datetime.now(UTC) - timedelta(days=1)).date()
                    reply = Reply(kind="mla-sent", on=on, by=by)
                    record(office, sent, reply, unless=answering(office))

            return act

        (said,) = together(enter("First person"), enter("Second person"))
        assert said.startswith(f"{sent}: that is on record already by ")
        assert said.endswith("(mla sent); nothing was entered")
        assert unit.kinds(sent).count("mla-sent") == 1

    def test_of_two_who_take_it_up_the_second_is_told_who_has_it(self, unit: LiveUnit, sent: str) -> None:
        def take(by: str) -> Callable[[], object]:
            def act() -> None:
                with unit.office() as office:
                    reply = Reply(kind="escalation-acknowledged", about="coverage", by=by)
                    record(office, sent, reply, unless=taking_up(office, "coverage"))

            return act

        (said,) = together(take("First person"), take("Second person"))
        assert "it was taken up already by" in said
        assert unit.kinds(sent).count("escalation-acknowledged") == 1

    def test_of_two_who_release_one_is_told(self, unit: LiveUnit, sent: str) -> None:
        def let_go(by: str) -> Callable[[], object]:
            def act() -> None:
                with unit.office() as office:
                    asking.release(office, sent, because="no longer needed", by=by, unless=answering(office))

            return act

        assert len(together(let_go("First person"), let_go("Second person"))) == 1
        assert unit.kinds(sent).count("release-asked") == 1

    def test_of_two_who_extend_one_is_told(self, unit: LiveUnit, sent: str) -> None:
        def prolong(by: str) -> Callable[[], object]:
            def act() -> None:
                with unit.office() as office:
                    asking.extend(office, sent, by=by, unless=answering(office))

            return act

        (said,) = together(prolong("First person"), prolong("Second person"))
        assert "nothing was entered" in said
        assert unit.kinds(sent).count("extend-asked") == 1


class TestAStaleLink:
    def test_what_is_settled_is_told_with_who_and_when_and_nothing_is_entered(
        self, unit: LiveUnit, sent: str
    ) -> None:
        with unit.office() as office:
            record(office, sent, Reply(kind="produced", by="First person"), unless=answering(office, "coverage"))
            before = unit.kinds(sent)
            with pytest.raises(ReplyError) as error:
                record(office, sent, Reply(kind="acknowledged", by="Second"), unless=answering(office, "coverage"))
        assert "this was settled by First person, " in str(error.value)
        assert str(error.value).endswith("(produced); nothing was entered")
        assert unit.kinds(sent) == before

    def test_an_item_that_never_was_is_told(self, unit: LiveUnit, sent: str) -> None:
        with unit.office() as office, pytest.raises(ReplyError, match="there is no such item open at this request"):
            record(office, sent, Reply(kind="acknowledged", by="First"), unless=answering(office, "imminent:2020"))


class TestExtendingNow:
    def test_it_is_sent_before_its_best_day_and_it_is_recorded_who_asked(
        self, unit: LiveUnit, sent: str, played: PlayedProviders
    ) -> None:
        with unit.office() as office:
            before = office.hold(sent).expiry
            asking.extend(office, sent, by="Contact team")
            work_on(office, [sent])
            after = office.hold(sent).expiry
            asked = next(each for each in office.ledger.events(sent) if each.kind == "extend-asked")
        assert before is not None
        assert after is not None
        assert after.strict_on > before.strict_on
        assert asked.body["by"] == "Contact team"
        assert played.effects(sent, "extend") == 1

    def test_a_provider_that_is_away_is_asked_again_by_the_sweeps(
        self, unit: LiveUnit, sent: str, played: PlayedProviders
    ) -> None:
        played.trouble("alpha", {"unavailable": 1})
        with unit.office() as office:
            office.sleep = lambda _: None
            asking.extend(office, sent, by="Contact team")
            report = work_on(office, [sent])
            row = office.ledger.row(sent)
        assert report.failed
        assert row is not None
        assert row.next_action == "extend"
        assert row.next_at is not None
        assert row.next_at < datetime.now(UTC) + timedelta(days=1)

    @pytest.mark.parametrize("what", ["never sent", "extended already", "released"])
    def test_it_is_told_why_there_is_nothing_to_extend(self, unit: LiveUnit, sent: str, what: str) -> None:
        words = {
            "never sent": "was never sent: there is nothing to extend",
            "extended already": "no further extension may be asked for",
            "released": "is released: there is nothing to extend any more",
        }
        request = sent if what != "never sent" else unit.register("alpha")[0]
        with unit.office() as office:
            if what == "extended already":
                asking.extend(office, request)
                work_on(office, [request])
            if what == "released":
                asking.release(office, request, because="not needed")
                work_on(office, [request])
            with pytest.raises(ReplyError, match=words[what]):
                asking.extend(office, request)


def test_a_preview_of_thousands_counts_them_all_lists_the_first_and_says_how_many_it_does_not(
    unit: LiveUnit, sent: str
) -> None:
    with unit.office() as office:
        row = office.ledger.row(sent)
    assert row is not None
    rows = [replace(row, request=f"HF-{number:012}", case=f"C|{number // 100}") for number in range(3000)]
    job = Job(verb="release", done="released", wanted=Wanted(), given={}, enter=lambda *_: None)
    page = job._page(rows, [], "0" * 16).text
    assert "# Release many: 3,000 requests" in page
    assert "* 3,000 at alpha" in page
    assert page.count("of case C\\|") == 25
    assert "* 500 others" in page
    assert page.count("| HF-") == 200
    assert "**2,800 more are not listed here.**" in page


def test_what_was_confirmed_for_the_first_extension_is_none_for_the_second() -> None:
    first = Job(verb="extend", done="extended", wanted=Wanted(), given={}, enter=lambda *_: None, numbers=(1,))
    assert first.digest(["HF-1"]) == replace(first).digest(["HF-1"])
    assert first.digest(["HF-1"]) != replace(first, numbers=(2,)).digest(["HF-1"])


class TestWhatIsTakenOut:
    def test_it_is_for_one_users_eyes_and_never_over_what_is_there(self, tmp_path: Path) -> None:
        folder = tmp_path / "packets" / "HF-X"
        write_out({"README.txt": b"steps"}, folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "README.txt").stat().st_mode) == 0o600
        with pytest.raises(ReplyError, match="nothing of it is left there"):
            write_out({"A.txt": b"", "README.txt": b"other"}, folder)
        assert sorted(each.name for each in folder.iterdir()) == ["README.txt"]
        assert (fresh(folder).name, fresh(tmp_path / "new").name) == ("HF-X-2", "new")
