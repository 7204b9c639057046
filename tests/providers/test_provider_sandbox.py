"""The sandbox as a real process: each fault alone, the same again by seed, its account against our belief."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from provider_orders import CANARY, extension, item, order, sandbox_table
from provider_sandbox_process import SandboxProcess

from providers.errors import OutcomeUnknown, ProviderError, Refused, Unavailable
from providers.interface import Action, Adapter, Answer, ItemOutcome, Order, State
from providers.registry import make_adapter
from providers.sandbox import FAULTS, serve

DAY = timedelta(days=1)


def adapter_to(url: str, **table: Any) -> Adapter:
    environ = {"HOLDFAST_SANDBOX_URL": url}
    return make_adapter("x", {**sandbox_table(), **table}, where="x.toml", sandbox=True, zone="", environ=environ)


# Each fault alone


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        ("too-many-requests", Unavailable, 0),
        ("unavailable", Unavailable, 0),
        ("drop-before-effect", OutcomeUnknown, 0),
        ("drop-after-effect", OutcomeUnknown, 1),
        ("stall-after-effect", OutcomeUnknown, 1),
        ("error-after-effect", OutcomeUnknown, 1),
        ("malformed", OutcomeUnknown, 1),
        ("oversized", OutcomeUnknown, 1),
        ("refuse", Refused, 0),
    ],
)
def test_a_fault_alone_is_sorted_and_has_the_effect_it_says(
    sandbox: SandboxProcess, fault: str, error: type[ProviderError], effects: int
) -> None:
    name = sandbox.play(faults={fault: 1.0}, retry_after=3)
    with pytest.raises(error) as caught:
        sandbox.adapter(name).send(order())
    assert type(caught.value) is error
    if isinstance(caught.value, Unavailable):
        assert caught.value.retry_after == 3
    assert sandbox.effects(name, order()) == effects
    assert sandbox.account(name)["fired"][fault] == 1


def test_a_stall_longer_than_our_patience_is_an_unknown_outcome() -> None:
    with serve(faults={"stall-after-effect": 1.0}, stall=30) as sandbox:
        adapter = adapter_to(sandbox.url, timeout={"connect": 1, "read": 0.2, "total": 1})
        with pytest.raises(OutcomeUnknown, match="gave no whole answer in time"):
            adapter.send(order())
        assert sandbox.account()["providers"]["sandbox"]["effects"][0]["count"] == 1  # type: ignore[index,call-overload]


def test_malformed_answers_come_in_many_ways_and_none_is_taken_for_one(sandbox: SandboxProcess) -> None:
    name = sandbox.play(faults={"malformed": 1.0})
    adapter = sandbox.adapter(name)
    reasons = set()
    for number in range(60):
        with pytest.raises(OutcomeUnknown) as caught:
            adapter.send(order(number=number))
        reasons.add(caught.value.reason)
        with pytest.raises(OutcomeUnknown):
            adapter.find(order(number=number))
    assert len(reasons) >= 6
    assert len(sandbox.account(name)["effects"]) == 60


def test_a_late_acknowledgement_becomes_a_hold_when_asked_again(sandbox: SandboxProcess) -> None:
    adapter = sandbox.adapter(sandbox.play(faults={"late-acknowledgement": 1.0}))
    asked = set()
    for number in range(20):
        sent = adapter.send(order(number=number))
        assert (sent.state, sent.held_until) == (State.ACKNOWLEDGED, None)
        assert [one.outcome for one in sent.items] == [ItemOutcome.PENDING]
        times = 1
        while adapter.status(order(Action.STATUS, number, references=sent.references)).state is State.ACKNOWLEDGED:
            times += 1
        asked.add(times)
    assert asked == {1, 2, 3}


def test_an_end_may_be_confirmed_earlier_than_asked(sandbox: SandboxProcess) -> None:
    adapter = sandbox.adapter(sandbox.play(faults={"earlier-end": 1.0}))
    asked = order().made_at.date() + 90 * DAY
    sent = adapter.send(order())
    assert sent.held_until is not None
    assert asked - 10 * DAY <= sent.held_until < asked
    longer = adapter.extend(extension(sent.references, asked + 90 * DAY)).held_until
    assert longer is not None
    assert asked + 80 * DAY <= longer < asked + 90 * DAY


def test_some_items_have_no_account(sandbox: SandboxProcess) -> None:
    adapter = sandbox.adapter(sandbox.play(faults={"no-account": 0.3}))
    items = tuple(item(f"item-{number}", f"a{number}@example.com") for number in range(100))
    outcomes = [one.outcome for one in adapter.send(order(items=items)).items]
    assert 15 <= outcomes.count(ItemOutcome.NOT_FOUND) <= 45
    assert outcomes.count(ItemOutcome.PRESERVED) == 100 - outcomes.count(ItemOutcome.NOT_FOUND)


def test_a_split_request_is_extended_by_any_of_its_references(sandbox: SandboxProcess) -> None:
    adapter = sandbox.adapter(sandbox.play(faults={"split": 1.0}))
    two = (item("a"), item("b", "b@example.com"))
    sent = adapter.send(order(items=two))
    assert len(sent.references) in (2, 3)
    assert sent.held_until is not None
    until = sent.held_until + 90 * DAY
    assert adapter.extend(extension(sent.references, until, items=two)).held_until == until
    for reference in sent.references:
        assert (
            adapter.status(order(Action.STATUS, references=(reference,), items=(item("a"), item("b")))).held_until
            == until
        )


def test_an_extension_is_refused_and_the_hold_stays(sandbox: SandboxProcess) -> None:
    adapter = sandbox.adapter(sandbox.play(faults={"refuse-extension": 1.0}))
    sent = adapter.send(order())
    with pytest.raises(Refused) as caught:
        adapter.extend(extension(sent.references, date(2027, 5, 19)))
    assert caught.value.ground == "extension-not-granted"
    assert adapter.status(order(Action.STATUS, references=sent.references)).held_until == sent.held_until


@pytest.mark.parametrize(("faults", "state"), [({}, State.EXPIRED), ({"forget": 1.0}, State.NOT_HELD)])
def test_a_hold_ends_with_its_day_and_may_be_forgotten(
    sandbox: SandboxProcess, faults: dict[str, float], state: State
) -> None:
    adapter = sandbox.adapter(sandbox.play(faults=faults, hold_days=10))
    sent = adapter.send(order())
    assert sent.held_until == date(2026, 12, 1)

    def on(day: int, action: Action = Action.STATUS) -> Order:
        return order(action, references=sent.references, made_at=datetime(2026, 12, day, 12, tzinfo=UTC))

    assert adapter.status(on(1)).state is State.IN_FORCE
    assert adapter.status(on(2)).state is state
    with pytest.raises(Refused):
        adapter.extend(on(2, Action.EXTEND))


def test_only_so_many_extensions_are_granted(sandbox: SandboxProcess) -> None:
    adapter = sandbox.adapter(sandbox.play(extensions=1, extension_days=30))
    sent = adapter.send(order())
    assert sent.held_until is not None
    assert adapter.extend(order(Action.EXTEND, references=sent.references)).held_until == sent.held_until + 30 * DAY
    with pytest.raises(Refused):
        adapter.extend(order(Action.EXTEND, references=sent.references, sequence=2))


# The same again


def reactions(seed: int, hostility: float) -> list[str]:
    """What 60 messages meet, each tried twice, sent by four threads in any order."""
    with serve(seed=seed, hostility=hostility, stall=0.01) as sandbox:
        adapter = adapter_to(sandbox.url)

        def tried(number: int) -> str:
            return f"{said(adapter.send, order(number=number))}, {said(adapter.send, order(number=number))}"

        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(tried, range(60)))


def said(speak: Callable[[Order], Answer], what: Order) -> str:
    try:
        answer = speak(what)
    except ProviderError as error:
        return str(error)
    return f"{answer.state} {answer.references} {answer.held_until}"


def test_the_same_seed_does_the_same_wrong_again_whoever_comes_first() -> None:
    first = reactions(7, 0.5)
    assert first == reactions(7, 0.5)
    assert first != reactions(8, 0.5)
    assert len(set(first)) > 10


def test_hostility_is_about_the_share_of_messages_that_meet_a_fault_on_the_wire() -> None:
    with serve(seed=3, hostility=0.2, stall=0.01, faults={"refuse": 0.0}) as sandbox:
        adapter = adapter_to(sandbox.url)
        bad = 0
        for number in range(300):
            try:
                adapter.send(order(number=number))
            except ProviderError:
                bad += 1
        assert 35 <= bad <= 85
        fired: Any = sandbox.account()["providers"]["sandbox"]["fired"]  # type: ignore[index,call-overload]
        assert {name for name, count in fired.items() if count} >= set(list(FAULTS)[:8])


# Its account against what a client believes


def persist(speak: Callable[[Order], Answer], adapter: Adapter, what: Order) -> Answer:
    """As a sweep does it: again when unavailable, ask first when unknown, for as long as it takes."""
    doubtful = False
    while True:
        try:
            if doubtful:
                found = adapter.find(what)
                if found is not None:
                    return found
                doubtful = False
            return speak(what)
        except OutcomeUnknown:
            doubtful = True
        except Unavailable:
            pass


@pytest.mark.parametrize("honours_keys", [True, False])
def test_in_the_worst_weather_the_account_is_what_the_client_believes(
    sandbox: SandboxProcess, honours_keys: bool
) -> None:
    wire = dict.fromkeys(list(FAULTS)[:8], 0.08)
    name = sandbox.play(
        faults={**wire, "split": 0.3, "earlier-end": 0.3, "no-account": 0.1}, honours_keys=honours_keys
    )
    adapter = sandbox.adapter(name, honours_key=honours_keys)

    def story(number: int) -> tuple[str, list[str], str]:
        sent = persist(adapter.send, adapter, order(number=number))
        if sent.state is State.NOT_HELD:
            return f"HF-{number}", list(sent.references), "nothing-kept"
        longer = extension(sent.references, date(2027, 5, 19), number, held_until=sent.held_until)
        last = persist(adapter.extend, adapter, longer)
        if number % 3 == 0:
            last = persist(adapter.release, adapter, order(Action.RELEASE, number, references=sent.references))
            assert last.state is State.RELEASED
            return f"HF-{number}", list(last.references), "released"
        assert last.held_until is not None
        return f"HF-{number}", list(last.references), last.held_until.isoformat()

    with ThreadPoolExecutor(4) as threads:
        believed = sorted(threads.map(story, range(60)))
    account = sandbox.account(name)
    held = sorted(
        (
            one["request"],
            one["references"],
            one["status"] if one["status"] in ("released", "nothing-kept") else one["held_until"],
        )
        for one in account["preservations"]
    )
    assert held == believed
    assert account["duplicates"] == []
    assert {effect["count"] for effect in account["effects"]} == {1}
    assert sum(account["fired"][fault] for fault in wire) > 40, "the weather was not bad"


def test_a_client_that_repeats_itself_shows_in_the_account_where_keys_are_not_honoured(
    sandbox: SandboxProcess,
) -> None:
    name = sandbox.play(honours_keys=False)
    adapter = sandbox.adapter(name, honours_key=False)
    adapter.send(order())
    sent = adapter.send(order())
    for _ in range(3):
        adapter.extend(extension(sent.references, date(2027, 5, 19)))
    duplicates = {(one["action"], one["count"]) for one in sandbox.account(name)["duplicates"]}
    assert duplicates == {("send", 2), ("extend", 3)}
    with pytest.raises(OutcomeUnknown, match="more than one such request"):
        adapter.find(order())


def test_the_account_names_no_identifier(sandbox: SandboxProcess) -> None:
    name = sandbox.play()
    sandbox.adapter(name).send(order())
    assert CANARY not in json.dumps(sandbox.account(name))


# Its wire, clock and state


def call(url: str, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    host = url.removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=5)) as connection:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        connection.request(method, path, raw, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


def test_one_process_plays_several_providers_each_with_its_own_faults(sandbox: SandboxProcess) -> None:
    calm, rough = sandbox.play(), sandbox.play(faults={"unavailable": 1.0})
    assert sandbox.adapter(calm).send(order()).state is State.IN_FORCE
    with pytest.raises(Unavailable):
        sandbox.adapter(rough).send(order())
    assert sandbox.account(rough)["preservations"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/preservations", b"{", 400),
        ("POST", "/v1/preservations", [], 400),
        ("POST", "/v1/preservations", {"request": "HF-1"}, 400),
        ("POST", "/v1/preservations", {"request": "HF-1", "items": []}, 400),
        ("POST", "/v1/preservations", {"request": "HF-1", "items": [{"id": "a"}]}, 400),
        ("POST", "/v1/preservations", {"request": "", "items": [{"id": "a", "value": "v"}]}, 400),
        (
            "POST",
            "/v1/preservations",
            {"request": "HF-1", "items": [{"id": "a", "value": "v"}], "hold_until": "x"},
            400,
        ),
        (
            "POST",
            "/v1/preservations",
            {"request": "HF-1", "items": [{"id": "a", "value": "v"}], "sequence": "x"},
            400,
        ),
        ("GET", "/v1/preservations/NONE", None, 404),
        ("POST", "/v1/preservations/NONE/extensions", {}, 404),
        ("DELETE", "/v1/preservations/NONE", None, 404),
        ("GET", "/v2/preservations", None, 404),
        ("GET", "/v1/preservations?request=HF-none", None, 200),
        ("POST", "/_control/weather", {}, 400),
        ("POST", "/_control/faults", {"faults": {"rain": 1}}, 400),
        ("POST", "/_control/faults", {"faults": {"split": 2}}, 400),
        ("POST", "/_control/faults", {"honours_keys": "yes"}, 400),
        ("POST", "/_control/faults", {"hold_days": "90"}, 400),
        ("POST", "/_control/faults", {"hold_days": -1}, 400),
        ("POST", "/_control/faults", {"extensions": True}, 400),
        ("POST", "/_control/faults", {"retry_after": "1"}, 400),
        ("POST", "/_control/faults", {"colour": "red"}, 400),
        ("POST", "/_control/clock", {"now": "2027-01-20"}, 400),
        ("POST", "/_control/clock", [], 400),
    ],
)
def test_a_call_it_does_not_know_is_answered_and_not_dropped(
    sandbox: SandboxProcess, method: str, path: str, body: object, status: int
) -> None:
    assert call(sandbox.url, method, path, body)[0] == status


@pytest.mark.parametrize("headers", [{"Content-Length": "99999999"}, {"Transfer-Encoding": "chunked"}])
def test_a_message_without_a_fitting_length_is_not_read(sandbox: SandboxProcess, headers: dict[str, str]) -> None:
    assert call(sandbox.url, "POST", "/v1/preservations", None, **headers)[0] == 413


def test_a_request_from_a_web_page_under_another_name_is_refused(sandbox: SandboxProcess) -> None:
    assert call(sandbox.url, "GET", "/_account", Host="attacker.example.com")[0] == 403


def test_a_stopped_clock_goes_before_the_clients_and_the_clients_before_the_real_one() -> None:
    with serve(clock=lambda: datetime(2028, 1, 1, tzinfo=UTC)) as sandbox:
        adapter = adapter_to(sandbox.url)
        assert call(sandbox.url, "GET", "/_account")[1]["now"] == "2028-01-01T00:00:00+00:00"
        assert adapter.send(order()).received_on == date(2026, 11, 21)
        assert call(sandbox.url, "POST", "/_control/clock", {"now": "2027-01-20T09:00:00Z"})[0] == 200
        later = order(number=2, made_at=datetime(2027, 1, 20, 9, tzinfo=UTC))
        assert adapter.send(later).received_on == date(2027, 1, 20)
        assert call(sandbox.url, "POST", "/_control/clock", {"now": None})[0] == 200
        assert adapter.send(order(number=3)).received_on == date(2026, 11, 21)


def test_it_knows_again_what_happened_before_it_was_killed(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    arguments = ("--state-file", str(state), "--fault", "late-acknowledgement=1", "--fault", "split=1")
    process = SandboxProcess(*arguments)
    adapter = process.adapter("kept")
    sent = adapter.send(order(items=(item("a"), item("b", "b@example.com"))))
    while (
        adapter.status(order(Action.STATUS, references=sent.references, items=(item("a"), item("b")))).held_until
        is None
    ):
        pass
    adapter.extend(extension(sent.references, date(2027, 5, 19), items=(item("a"), item("b"))))
    before = process.account("kept")
    process.process.send_signal(signal.SIGKILL)
    process.stop()
    with state.open("a") as file:
        file.write('{"provider": "kept", "meth')  # a line that the crash cut off
    process = SandboxProcess(*arguments)
    process.adapter("kept").send(order(number=2))
    after = process.account("kept")
    assert process.stop() == 0
    assert after["preservations"][0] == before["preservations"][0]
    assert after["effects"][: len(before["effects"])] == before["effects"]
    assert len(after["preservations"]) == 2
    assert "example.com" not in state.read_text()
    assert [json.loads(line)["method"] for line in state.read_text().splitlines()][-1] == "preserve"


def test_a_state_file_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello\n")
    with pytest.raises(ValueError, match="line 1: is no state of a sandbox; give another --state-file"):
        serve(state_file=file)


# Its process


def run(*arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "providers.sandbox", *arguments]
    return subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=10, check=False)


def test_it_prints_its_address_and_stops_when_its_input_closes() -> None:
    process = SandboxProcess()
    assert process.url.startswith("http://127.0.0.1:")
    assert call(process.url, "GET", "/_account")[0] == 200
    assert process.stop() == 0
    with pytest.raises(OSError, match="refused"):
        call(process.url, "GET", "/_account")


def test_it_stops_by_itself_after_the_time_it_was_given_and_without_input() -> None:
    began = time.monotonic()
    done = run("--for", "0.2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("http://127.0.0.1:")
    assert time.monotonic() - began < 5


def test_it_stops_at_a_signal() -> None:
    process = SandboxProcess()
    process.process.terminate()
    assert process.process.wait(timeout=5) == 0
    process.stop()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--host", "0.0.0.0"), 2, "listens on this machine only, at 127.0.0.1 or ::1, not at '0.0.0.0'"),  # noqa: S104
        (("--host", "example.com"), 2, "listens on this machine only"),
        (("--hostility", "2"), 2, "expected a rate from 0 to 1, found 2"),
        (("--fault", "rain=1"), 2, "there is no fault 'rain'; one of too-many-requests"),
        (("--fault", "split"), 2, "expected NAME=RATE, such as drop-after-effect=0.02"),
        (("--fault", "x:split=7"), 2, "split: expected a rate from 0 to 1, found 7"),
    ],
)
def test_a_wrong_argument_is_told(arguments: tuple[str, ...], code: int, words: str) -> None:
    done = run(*arguments, "--for", "0.1")
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", str(taken.getsockname()[1]), "--for", "0.1")
    assert done.returncode == 3
    assert "cannot be used: Address already in use" in done.stderr


def test_faults_are_switched_on_from_the_command_line_for_all_or_for_one() -> None:
    process = SandboxProcess("--fault", "unavailable=1", "--fault", "calm:unavailable=0", "--no-honours-keys")
    try:
        assert process.adapter("calm", honours_key=False).send(order()).state is State.IN_FORCE
        with pytest.raises(Unavailable):
            process.adapter("other").send(order())
        assert process.account("calm")["honours_keys"] is False
    finally:
        process.stop()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the processor time of a process")
def test_it_answers_300_requests_in_a_second_of_one_processor(sandbox: SandboxProcess) -> None:
    def used() -> float:
        fields = Path(f"/proc/{sandbox.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    name = sandbox.play()
    body = json.dumps({"request": "HF-1", "items": [{"id": "a", "value": CANARY}]}).encode()
    before = used()
    with closing(http.client.HTTPConnection(sandbox.url.removeprefix("http://"))) as connection:
        for number in range(300):
            connection.request("POST", f"/p/{name}/v1/preservations", body, {"Idempotency-Key": f"key-{number}"})
            answer = connection.getresponse()
            assert answer.status == 201
            answer.read()
    assert used() - before < 1
