"""The forms as runs on a real Prefect server: what a run shows, what stays of it, and a run that runs twice."""

from __future__ import annotations

import logging
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from forms_support import Ended, carried_out, fill_in, registered_by_hand, submitted, typed_case
from prefect_support import Cable, LiveUnit, PlayedProviders, PrefectServer, wait_for
from serving_support import hang_up

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("at the desk")]

PORTAL = 'id = "portal"\nlike = "sandbox-portal"\nname = "Portal"\n'


@pytest.fixture
def unit(tmp_path: Path, prefect: PrefectServer, played: PlayedProviders) -> LiveUnit:
    from flows.prefect_api import prepare

    unit = LiveUnit(tmp_path, prefect.api)
    prepare(unit.environ)
    for name in ("alpha", "beta"):
        unit.provider(name, played.address(name))
        played.trouble(name, {})
    return unit


def of_case(unit: LiveUnit, case: str = "CY-2026-0412") -> list[str]:
    with unit.office() as office:
        rows = list(office.ledger.rows(open_only=False, case=case))
        return sorted((row.request for row in rows), key=lambda each: office.ledger.events(each)[0].seq)


class TestACaseFromAForm:
    def test_it_is_sent_and_the_run_keeps_only_the_ids(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.forms.preserve import preserve_case

        ended = fill_in(unit, prefect, preserve_case, **typed_case("alpha", "beta"))
        requests = of_case(unit)
        assert ended.type == "COMPLETED"
        assert ended.message.startswith(f"2 requests registered, 2 sent: {', '.join(requests)}.")
        found = prefect.run(ended.run)
        assert found["parameters"] == {"case": {}, "requests": requests, "by": "Contact team"}
        assert found["name"] == "preserve a case"
        assert [played.effects(each) for each in requests] == [1, 1]

    def test_the_same_run_carried_out_again_registers_and_sends_nothing_twice(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.forms.preserve import preserve_case

        ended = fill_in(unit, prefect, preserve_case, **typed_case("alpha"))
        state = {"state": {"type": "SCHEDULED", "name": "Scheduled"}, "force": True}
        prefect.ask(f"/flow_runs/{ended.run}/set_state", state)
        carried_out(unit, preserve_case, ended.run)
        (request,) = of_case(unit)
        assert prefect.run(ended.run)["state_type"] == "COMPLETED"
        assert played.effects(request) == 1

    def test_a_run_that_was_cut_off_before_scrubbing_finds_what_it_registered(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.forms.preserve import preserve_case

        typed = typed_case("alpha")
        run = submitted(unit, preserve_case, **typed)
        registered = registered_by_hand(unit, run, typed)
        carried_out(unit, preserve_case, run)
        assert of_case(unit) == list(registered)
        assert prefect.run(run)["parameters"]["requests"] == list(registered)
        assert played.effects(registered[0]) == 1

    def test_where_scrubbing_fails_it_is_sent_all_the_same_and_told_loudly(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from flows.forms import scrubbing
        from flows.forms.preserve import preserve_case

        monkeypatch.setattr(scrubbing, "AT_LAST", 0.5)
        monkeypatch.setattr(scrubbing, "WITHIN", 0.5)
        run = submitted(unit, preserve_case, **typed_case("alpha"))
        deaf = Deaf(prefect.api)
        unit.environ["PREFECT_API_URL"] = deaf.address
        try:
            carried_out(unit, preserve_case, run)
        finally:
            deaf.cut()
        state = prefect.run(run)["state"]
        assert state["type"] == "FAILED"
        assert state["message"].startswith("WHAT WAS TYPED IS STILL IN PREFECT")
        assert "1 request registered, 1 sent" in state["message"]
        assert played.effects(of_case(unit)[0]) == 1

    def test_what_is_wrong_is_told_with_a_way_back_to_the_form_and_nothing_is_registered(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        from flows.forms.preserve import preserve_case

        typed = typed_case("alpha", by="")
        typed["case"] |= {"country": "us", "mla_day": "2026-13-45"}
        ended = fill_in(unit, prefect, preserve_case, **typed)
        assert ended.type == "FAILED"
        assert ended.message.startswith("Nothing was registered and nothing was sent. 2 things to mend: (1) ")
        assert "Case: Day of the MLA request: is no day that there is; pick a day" in ended.message
        assert prefect.run(ended.run)["parameters"] == {"case": {}, "requests": [], "by": ""}
        assert of_case(unit) == []


class TestAtAPortal:
    """What no machine can say is handed to a person: that is no failure, and hides none."""

    @pytest.fixture(autouse=True)
    def portal(self, unit: LiveUnit) -> None:
        (unit.folder / "config" / "providers" / "portal.toml").write_text(PORTAL)

    def ends(self, prefect: PrefectServer, run: str, count: int) -> tuple[list[str], list[int]]:
        """The states that its task runs ended in, and the levels of its log, once the whole log is there."""
        tasks = list(prefect.task_runs(run, count).values())
        wait_for(lambda: any("Finished in state" in each for each in prefect.logs(run)), seconds=10, what="the log")
        log = prefect.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}})
        return tasks, sorted({each["level"] for each in log if each["level"] > logging.WARNING})

    def test_a_case_is_registered_and_the_run_is_completed_and_says_who_submits_it(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        from flows.forms.preserve import preserve_case

        ended = fill_in(unit, prefect, preserve_case, **typed_case("portal"))
        (request,) = of_case(unit)
        assert ended.type == "COMPLETED", ended.message
        assert ended.message == (
            f"1 request registered: {request}. To be submitted by hand, see the desk queue: {request}."
        )
        tasks, loud = self.ends(prefect, ended.run, 1)
        assert ({*tasks}, loud) == ({"COMPLETED"}, [])
        assert unit.kinds(request)[-2:] == ["unsupported", "escalated"]

    def test_a_provider_that_refuses_beside_it_still_fails_the_run_with_its_own_reason_alone(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.forms.preserve import preserve_case

        played.trouble("beta", {"refuse": 1})
        ended = fill_in(unit, prefect, preserve_case, **typed_case("portal", "beta"))
        by_hand, refused = of_case(unit)
        assert ended.type == "FAILED"
        assert f"by hand, see the desk queue: {by_hand}." in ended.message
        assert "Failed: " in ended.message
        assert "by a machine" not in ended.message
        assert unit.state(refused) == "refused"
        named = prefect.task_runs(ended.run, 2)
        assert named["send provider=portal n=1"] == "COMPLETED"
        assert named["send provider=beta n=1"] == "FAILED"

    def test_where_nobody_can_be_told_of_it_the_run_fails(self, unit: LiveUnit, prefect: PrefectServer) -> None:
        from flows.forms.preserve import preserve_case

        rung = 'level = 1\nwho = "Duty officer"\ntell = ["smtp"]\nmail_to = "duty@police.example.com"'
        unit.policy(f'[[ladder]]\n{rung}\nacknowledge_within = "12 hours"\n')
        ended = fill_in(unit, prefect, preserve_case, **typed_case("portal"))
        assert ended.type == "FAILED"
        assert "could not be told" in ended.message

    def test_registered_requests_that_are_sent_by_hand_end_the_run_as_something_for_a_person(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        from flows.issue import issue_requests

        ended = fill_in(unit, prefect, issue_requests, request_ids=unit.register("portal"), by="Contact team")
        assert ended.type == "COMPLETED"
        assert re.fullmatch("1 request looked at, [12] acts?, something needs a person", ended.message)

    def test_a_release_says_that_somebody_must_tell_the_provider(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        from flows.forms.many import release_many
        from flows.release import release_request
        from flows.replying import Reply, record

        one, other = unit.register("portal", "portal")
        with unit.office() as office:
            for each in (one, other):
                record(office, each, Reply(kind="sent", by="Contact team"))
            case = office.case(one)
        given = {"because": "the case was closed", "by": "Contact team"}
        ended = fill_in(unit, prefect, release_request, request=one, **given)
        assert ended.type == "COMPLETED"
        needs = "Something needs a person, see the desk queue: Tell Portal that it may end the hold"
        assert f"{needs} {one}" in ended.message
        many = {"case": case} | given
        shown = fill_in(unit, prefect, release_many, **many)
        waits = "1 request is asked for already and not yet told to the provider: see the desk queue."
        assert shown.message.startswith("1 request would be released.")
        assert shown.message.endswith(waits)
        (digest,) = re.findall("`([0-9a-f]{16})`", preview(prefect, shown, "preview-release-many"))
        done = fill_in(unit, prefect, release_many, **many, confirm=digest)
        assert (done.type, done.message) == (
            "COMPLETED",
            "Release asked for at 1 request. At 1 of them a person must tell the provider: see the desk queue.",
        )


class TestWhatCouldNotBeTakenOut:
    """What a run says where Prefect does not let go of what was typed."""

    def told(self, **typed: Any) -> tuple[object, str]:
        from flows.forms.acknowledge import acknowledge_escalation
        from flows.forms.entered import harmless, titled
        from flows.forms.scrubbing import Scrubber

        nothing: Any = None
        scrubber = Scrubber(loop=nothing, client=nothing, run=nothing, typed=typed)
        kept = harmless(acknowledge_escalation, typed)
        scrubber.keep(kept, lambda name: titled(acknowledge_escalation, name))
        return scrubber.left, scrubber.told

    def test_of_a_form_without_accounts_the_fields_are_named_and_nobody_is_alarmed(self) -> None:
        left, told = self.told(request="HF-00000000000A", by="Contact team", matter="")
        assert left == {"request": "HF-00000000000A", "matter": ""}
        assert told.startswith('What was typed into "Entered by" could not be taken out of this run: if it names an')

    def test_where_nothing_but_ids_was_typed_nothing_is_to_be_taken_out(self) -> None:
        left, _ = self.told(request="HF-00000000000A")
        assert left is None

    def test_a_field_that_the_form_does_not_have_may_hold_anything(self) -> None:
        left, told = self.told(request="HF-00000000000A", canary_username_77="")
        assert left == {"request": "HF-00000000000A"}
        assert told.startswith("WHAT WAS TYPED IS STILL IN PREFECT")


class Deaf(Cable):
    """A way to a server on which a scrubbing breaks the connection; everything else comes through."""

    def _pump(self, one: Any, other: Any) -> None:
        try:
            while data := one.recv(65536):
                if b'"parameters":{"case":{}' in data.replace(b" ", b""):
                    break
                other.sendall(data)
        except OSError:
            pass
        finally:
            hang_up(one, other)


def preview(prefect: PrefectServer, shown: Ended, key: str) -> str:
    """What the page of a preview's run says."""
    found = prefect.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [shown.run]}}})
    (page,) = [str(each["data"]) for each in found if each["key"] == key]
    return page


class TestManyAtOnce:
    def test_first_it_shows_which_then_exactly_these_are_released(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.forms.many import release_many
        from flows.sweeping import work_on

        requests = unit.register("alpha", "beta")
        with unit.office() as office:
            work_on(office, requests)
            case = office.case(requests[0])
        given = {"case": case, "because": "the case was closed", "by": "Contact team"}
        shown = fill_in(unit, prefect, release_many, **given)
        assert shown.message.startswith("2 requests would be released. Nothing is done yet")
        assert all(unit.state(each) == "in-force" for each in requests)
        page = preview(prefect, shown, "preview-release-many")
        assert all(each in page for each in requests)
        (digest,) = re.findall("`([0-9a-f]{16})`", page)
        other = fill_in(unit, prefect, release_many, **given, confirm="0" * 16)
        assert other.type == "FAILED"
        assert other.message.startswith("The requests are not the same any more; nothing was done.")
        done = fill_in(unit, prefect, release_many, **given, confirm=digest)
        assert (done.type, done.message) == ("COMPLETED", "Release asked for at 2 requests.")
        assert [unit.state(each) for each in requests] == ["released", "released"]

    def test_exactly_the_shown_extensions_are_asked_for_once_however_often_it_is_pressed(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.asking import extend
        from flows.forms.many import extend_many
        from flows.sweeping import work_on

        one, other, done_before = requests = unit.register("alpha", "beta", "beta")
        with unit.office() as office:
            work_on(office, requests)
            extend(office, done_before)
            work_on(office, [done_before])
        given = {"state": "in-force", "by": "Contact team"}

        def asked() -> list[int]:
            return [unit.kinds(each).count("extend-asked") for each in requests]

        shown = fill_in(unit, prefect, extend_many, **given)
        assert shown.message.startswith("2 requests would be extended. Nothing is done yet")
        page = preview(prefect, shown, "preview-extend-many")
        assert all(f"| {each} |" in page for each in (one, other))
        assert f"* {done_before}: no further extension may be asked for" in page
        (stale,) = re.findall("`([0-9a-f]{16})`", page)
        assert asked() == [0, 0, 1]
        with unit.office() as office:
            extend(office, other)
            work_on(office, [other])
        refused = fill_in(unit, prefect, extend_many, **given, confirm=stale)
        assert refused.type == "FAILED"
        assert refused.message.startswith("The requests are not the same any more; nothing was done. 1 request would")
        assert asked() == [0, 1, 1]
        (digest,) = re.findall("`([0-9a-f]{16})`", preview(prefect, refused, "preview-extend-many"))
        done = fill_in(unit, prefect, extend_many, **given, confirm=digest)
        assert (done.type, done.message) == ("COMPLETED", "Extend asked for at 1 request.")
        assert "extended" in unit.kinds(one)
        again = fill_in(unit, prefect, extend_many, **given, confirm=digest)
        assert again.message.startswith("There is nothing to extend")
        assert asked() == [1, 1, 1]
        assert [played.effects(each, "extend") for each in requests] == [1, 1, 1]

    def test_what_was_asked_for_before_a_power_cut_and_not_told_is_named_and_asked_for_once(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.asking import extend, release
        from flows.forms.many import extend_many, release_many
        from flows.sweeping import work_on

        one, other = requests = unit.register("alpha", "alpha")
        with unit.office() as office:
            work_on(office, requests)
            extend(office, one, by="Contact team")
            release(office, other, because="the case was closed", by="Contact team")
            case = office.case(one)
        waits = "1 request is asked for already and not yet told to the provider: the next sweep does it."
        given = {"case": case, "by": "Contact team"}
        shown = fill_in(unit, prefect, extend_many, **given)
        assert shown.message.startswith("There is nothing more to extend")
        assert shown.message.endswith(waits)
        shown = fill_in(unit, prefect, release_many, **given, because="the case was closed")
        assert shown.message.startswith("1 request would be released.")
        assert shown.message.endswith(waits)
        assert (unit.kinds(one).count("extend-asked"), unit.kinds(other).count("release-asked")) == (1, 1)


class TestAPacket:
    def test_it_is_written_for_one_user_and_its_taking_out_is_on_record(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        from flows.forms.packet import take_out_packet
        from flows.sweeping import work_on

        (unit.folder / "config" / "providers" / "portal.toml").write_text(PORTAL)
        unit.environ["HOLDFAST_PACKETS"] = str(unit.folder / "by hand")
        (request,) = unit.register("portal")
        with unit.office() as office:
            work_on(office, [request])
        ended = fill_in(unit, prefect, take_out_packet, request=request, by="Contact team")
        assert ended.type == "COMPLETED", ended.message
        (folder,) = (unit.folder / "by hand").iterdir()
        assert str(folder) in ended.message
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "README.txt").exists()
        with unit.office() as office:
            opened = [each.body for each in office.ledger.events(request) if each.kind == "opened"]
        assert [(each["by"], each["duty"]) for each in opened] == [("Contact team", "to say it by hand")]


class TestAnythingElse:
    def test_what_was_entered_wrongly_is_told_and_does_not_stay(self, unit: LiveUnit, prefect: PrefectServer) -> None:
        from flows.reply import record_reply

        (request,) = unit.register("alpha")
        wrong = {"on": "2026-02-30", "reference": "someone@example.com", "strange": 1}
        ended = fill_in(unit, prefect, record_reply, request=request, kind="acknowledged", by="Contact team", **wrong)
        assert ended.type == "FAILED"
        assert ended.message.split("; ")[0].startswith("The form has no such fields")
        assert "Day: is no day that there is; pick a day" in ended.message
        assert prefect.run(ended.run)["parameters"] == {
            "request": request,
            "kind": "acknowledged",
            "on": "2026-02-30",
        }
        assert unit.kinds(request) == ["registered"]

    @pytest.mark.parametrize(
        "typed",
        [
            {"matter": "canary_username_77"},
            {"about": "canary_username_77", "kind": "escalation-acknowledged"},
            {"by": "   "},
            {"by": "Contact \u202eteam\n", "reference": {"value": ["canary_username_77"]}},
        ],
    )
    def test_of_what_is_refused_only_ids_days_and_words_of_lists_stay(
        self, unit: LiveUnit, prefect: PrefectServer, typed: dict[str, Any]
    ) -> None:
        from flows.reply import record_reply

        (request,) = unit.register("alpha")
        given = {"request": request, "kind": "acknowledged", "by": "Contact team"} | typed
        ended = fill_in(unit, prefect, record_reply, **given)
        assert ended.type == "FAILED"
        assert "canary" not in ended.message
        assert prefect.run(ended.run)["parameters"] == {"request": request, "kind": given["kind"]}
        assert unit.kinds(request) == ["registered"]

    def test_an_exception_that_quotes_what_was_typed_leaves_its_type_alone(
        self, unit: LiveUnit, prefect: PrefectServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from flows.forms import extend

        def broken(*_: Any, **__: Any) -> None:
            raise ValueError("canary.fault@example.com cannot be read")

        (request,) = unit.register("alpha")
        monkeypatch.setattr(extend, "extend", broken)
        ended = fill_in(unit, prefect, extend.extend_request, request=request, by="Contact team")
        assert ended.message.startswith("ValueError in ")
        assert ended.message.endswith(": a fault of Holdfast")
        database = b"".join(each.read_bytes() for each in prefect.home.glob("prefect.db*"))
        assert request.encode() in database
        assert b"canary.fault" not in database + prefect.log.read_bytes()


class TestADraft:
    def test_it_is_told_that_an_emergency_still_waits_for_a_second_person(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows import four_eyes
        from flows.drafts import drafting
        from flows.forms.draft import preserve_draft

        first, second = unit.register("alpha", "beta")
        with unit.office() as office:
            for each in (first, second):
                office.append(each, [drafting(office.settings, first)])
            office.append(second, [four_eyes.asking(office.settings, "send")])
        ended = fill_in(unit, prefect, preserve_draft, draft=second, by="Contact team")
        assert ended.type == "COMPLETED"
        assert ended.message.startswith(f"2 requests let go by Contact team, 1 sent: {first}, {second}.")
        assert f"Waits for a second person (`holdfast approve`): {second}." in ended.message
        assert [played.effects(each) for each in (first, second)] == [1, 0]


class TestIdsInTheFormOfACase:
    def test_they_stand_for_no_registered_case_unless_this_run_registered_them(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.forms.preserve import preserve_case

        (request,) = unit.register("alpha")
        typed = {"case": {}, "requests": [request], "by": "canary_username_77"}
        ended = fill_in(unit, prefect, preserve_case, **typed)
        assert ended.type == "FAILED"
        assert prefect.run(ended.run)["parameters"] == {"case": {}, "requests": [], "by": ""}
        assert played.effects(request) == 0
