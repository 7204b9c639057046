"""Channels to people: each arrives at a real receiver, or is recorded as not delivered, its address kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from prefect_support import LiveUnit, PrefectServer, reply, server
from unit_support import CANARY, Unit

from flows.alarming import Alarms
from flows.catalogue import RungChannels
from flows.notifying import SHORT, notify
from flows.policy import POLICY_KEYS, read_policy
from flows.reading import ConfigurationErrors
from flows.settings import Settings
from flows.telling import Notice, deliver
from providers.interface import Action
from providers.memory import Behaviour, Does

TOKEN = "a1b2c3d4e5f6g7h8i9j0k1l2m3"


@dataclass(kw_only=True)
class Receiver:
    """What a chat or a pager service on this machine was sent. `waits`: it answers when this is set."""

    address: str
    status: int = 200
    got: list[tuple[str, Any]] = field(default_factory=list)
    waits: threading.Event | None = None

    @property
    def place(self) -> str:
        """Host and port."""
        return self.address.removeprefix("http://")


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A service on this machine."""

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        receiver.got.append((handler.path, json.loads(body)))
        if receiver.waits is not None:
            receiver.waits.wait(10)
        reply(handler, receiver.status, b"{}")

    receiver = Receiver(address="")
    with server(answer) as address:
        receiver.address = address
        yield receiver
        if receiver.waits is not None:
            receiver.waits.set()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    made.play("alpha", Behaviour(does=Does.REFUSE, on=Action.SEND, ground="over-broad"))
    yield made
    made.close()


def tell_over(unit: Unit, *channels: str, brief: bool = False, **environ: str) -> None:
    """Let every level be told over these channels."""
    rungs = tuple(RungChannels(level=level, tell=channels, mail_to="", brief=brief) for level in (1, 2, 3))
    unit.office.catalogue = replace(unit.office.catalogue, rung_channels=rungs)
    unit.office.settings = replace(unit.office.settings, environ=unit.environ | environ)


def settings_with(unit: Unit, **environ: str) -> Settings:
    return replace(unit.office.settings, environ=unit.environ | environ)


def trial(**given: Any) -> Notice:
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    return Notice(**{"level": 1, "who": "Duty officer", "about": "trial", "because": "A trial.", "at": at} | given)


class TestAppriseChannels:
    def test_an_escalation_arrives_with_what_to_type_next_and_its_delivery_is_recorded(
        self, unit: Unit, receiver: Receiver
    ) -> None:
        tell_over(unit, "drop", "apprise:duty", HOLDFAST_NOTIFY_DUTY=f"json://{receiver.place}/hook")
        (request,) = unit.preserve()
        told = [body for _, body in receiver.got if "refused" in body["title"]]
        assert [each["title"] for each in told] == [f"[Holdfast] level 1: refused {request} (alpha)"]
        assert f"holdfast record escalation-acknowledged {request} --about refused" in told[0]["message"]
        recorded = unit.last(request, "escalated").body
        assert recorded["delivered"] is True
        assert [dict(each) for each in recorded["deliveries"]] == [
            {"channel": "drop", "delivered": True, "reason": ""},
            {"channel": "apprise:duty", "delivered": True, "reason": ""},
        ]
        assert CANARY not in json.dumps(receiver.got)

    def test_mattermost_is_spoken_to_as_it_wants(self, unit: Unit, receiver: Receiver) -> None:
        settings = settings_with(unit, HOLDFAST_NOTIFY_DUTY=f"mmost://{receiver.place}/{TOKEN}")
        assert notify(settings, "apprise:duty", "A subject", "A text") == ""
        ((path, body),) = receiver.got
        assert path == f"/hooks/{TOKEN}"
        assert "A text" in body["text"]
        assert "://" not in json.dumps(body), "no picture that is loaded from another machine"

    @pytest.mark.parametrize(
        ("service", "address", "least"),
        [
            ("Slack", f"slack://T1JJ3T3L2/A1BRTD4JD/{TOKEN}/#duty", 4000),
            ("Microsoft Teams", f"workflows://example.com/{TOKEN}/{TOKEN}/", 900),
            ("Mattermost", f"mmosts://chat.example.com/{TOKEN}", 4000),
            ("SMS", f"twilio://AC{'a' * 32}:{'b' * 32}@15550100123/15550100199", 160),
        ],
    )
    def test_the_addresses_of_the_guide_are_read_and_what_is_said_fits(
        self, service: str, address: str, least: int
    ) -> None:
        import apprise

        (one,) = apprise.Apprise(address)
        assert one.body_maxlen >= least, service
        longest = trial(about="coverage", because="x" * 300)
        said = longest.subject if one.body_maxlen <= SHORT else longest.text
        assert len(said) + (0 if one.title_maxlen else len(longest.subject)) <= least

    def test_a_service_of_short_messages_gets_the_subject_alone(self, unit: Unit, receiver: Receiver) -> None:
        from apprise import NotificationManager
        from apprise.plugins.custom_json import NotifyJSON

        class Pager(NotifyJSON):  # type: ignore[misc]
            protocol, secure_protocol = "pager", "pagers"
            body_maxlen = 160
            title_maxlen = 0

        NotificationManager().add(Pager)
        settings = settings_with(unit, HOLDFAST_NOTIFY_DUTY=f"pager://{receiver.place}/")
        assert notify(settings, "apprise:duty", "A subject", "A long text " * 100) == ""
        assert [body["message"] for _, body in receiver.got] == ["A subject"]

    def test_what_is_not_taken_counts_as_not_told_and_no_address_is_repeated(
        self, unit: Unit, receiver: Receiver, capfd: pytest.CaptureFixture[str]
    ) -> None:
        receiver.status = 503
        address = f"json://user:{TOKEN}@{receiver.place}/hook"
        tell_over(unit, "drop", "apprise:duty", HOLDFAST_NOTIFY_DUTY=address)
        (request,) = unit.preserve()
        recorded = unit.last(request, "escalated").body
        assert recorded["delivered"] is False, "a dropped file is no answer where a message was to arrive"
        assert "its address answered with status 503" in json.dumps(recorded["deliveries"])
        said = json.dumps([dict(each.body) for each in unit.office.ledger.events(request)]) + "".join(
            capfd.readouterr()
        )
        assert TOKEN not in said
        assert receiver.place not in said

    def test_one_address_of_several_that_fails_is_told_by_its_number(self, unit: Unit, receiver: Receiver) -> None:
        settings = settings_with(unit, HOLDFAST_NOTIFY_DUTY=f"json://{receiver.place}/ json://127.0.0.1:1/")
        assert notify(settings, "apprise:duty", "A subject", "A text") == "address 2 of 2 could not be reached"
        assert len(receiver.got) == 1

    def test_a_variable_that_is_not_set_and_an_address_that_is_none_are_told(self, unit: Unit) -> None:
        reason = notify(settings_with(unit), "apprise:head_of_unit", "A subject", "A text")
        assert reason.startswith("HOLDFAST_NOTIFY_HEAD_OF_UNIT is not set")
        wrong = settings_with(unit, HOLDFAST_NOTIFY_DUTY=f"nonsense-{TOKEN}")
        assert notify(wrong, "apprise:duty", "A subject", "A text") == "its address cannot be read by apprise"

    def test_a_service_that_hangs_costs_its_time_once_and_is_then_left_alone(
        self, unit: Unit, receiver: Receiver
    ) -> None:
        receiver.waits = threading.Event()
        settings = settings_with(unit, HOLDFAST_NOTIFY_DUTY=f"json://{receiver.place}/")
        assert notify(settings, "apprise:duty", "A", "B", within=1) == "no answer within 1 s"
        assert "left alone" in notify(settings, "apprise:duty", "A", "B")
        assert len(receiver.got) == 1, "it was not asked again"

    def test_an_alarm_of_the_watch_arrives_too(self, unit: Unit, receiver: Receiver) -> None:
        tell_over(unit, "apprise:duty", HOLDFAST_NOTIFY_DUTY=f"json://{receiver.place}/")
        said: list[str] = []
        alarms = Alarms(
            settings=unit.office.settings,
            catalogue=unit.office.catalogue,
            again_after=timedelta(minutes=1),
            say=said.append,
        )
        alarms.consider("no sweep has finished for 31 minutes", unit.office.now())
        assert [body["title"] for _, body in receiver.got] == ["[Holdfast] level 1: the watch does not sweep"]
        assert said == []


class TestWhatLeaves:
    def test_brief_leaves_out_the_case_the_provider_and_every_reason_and_only_outside(
        self, unit: Unit, receiver: Receiver
    ) -> None:
        tell_over(unit, "drop", "apprise:duty", brief=True, HOLDFAST_NOTIFY_DUTY=f"json://{receiver.place}/")
        (request,) = unit.preserve()
        outside = json.dumps([body for _, body in receiver.got])
        assert request in outside
        assert f"holdfast show {request}" in outside
        for told in ("CY-2026-0412", "alpha", "over-broad"):
            assert told not in outside
        dropped = "".join(path.read_text() for path in unit.office.settings.drop_path.glob("*.json"))
        assert "CY-2026-0412" in dropped

    def test_a_brief_alarm_and_a_brief_notice_leave_their_reason_out(self, unit: Unit, receiver: Receiver) -> None:
        settings = settings_with(unit, HOLDFAST_NOTIFY_DUTY=f"json://{receiver.place}/")
        rung = RungChannels(level=1, tell=("apprise:duty",), mail_to="", brief=True)
        assert deliver(settings, rung, trial(because="A reason that names CY-2026-0412")).delivered
        ((_, body),) = receiver.got
        assert "CY-2026-0412" not in json.dumps(body)
        assert body["title"] == "[Holdfast] level 1: trial"
        assert "nothing has happened" in json.dumps(body)


def wrong_tell(unit: Unit, tell: list[str]) -> list[str]:
    """What the policy's reader says of a ladder that tells so."""
    table = dict(unit.office.catalogue.raw["policy.toml"])
    table["ladder"] = [dict(table["ladder"][0]) | {"tell": tell}]
    try:
        read_policy(table, "policy.toml")
    except ConfigurationErrors as wrong:
        return list(wrong.errors)
    return []


class TestThePolicy:
    def test_the_named_channels_are_read(self, unit: Unit) -> None:
        assert wrong_tell(unit, ["drop", "apprise:duty", "block:slack-webhook/duty"]) == []
        assert "brief" in POLICY_KEYS["ladder"]

    def test_an_address_in_the_policy_is_refused_and_never_repeated(self, unit: Unit) -> None:
        (said,) = wrong_tell(unit, ["drop", f"apprise:mmost://chat.example.com/{TOKEN}"])
        assert said.startswith("policy.toml: ladder[0].tell[1]: expected a name such as")
        (bare,) = wrong_tell(unit, ["drop", f"mmost://chat.example.com/{TOKEN}"])
        assert bare.startswith("policy.toml: ladder[0].tell[1]: unknown word; known here: stderr, drop, smtp, ")
        assert TOKEN not in said + bare

    @pytest.mark.parametrize(
        "wrong", ["sms", "apprise", "apprise:", "apprise:Duty", "block:duty", "block:", "smtp:x"]
    )
    def test_what_is_no_channel_is_told_with_its_place(self, unit: Unit, wrong: str) -> None:
        (said,) = wrong_tell(unit, ["drop", wrong])
        assert said.startswith(
            ("policy.toml: ladder[0].tell[1]: expected ", "policy.toml: ladder[0].tell[1]: unknown ")
        )

    def test_a_block_alone_is_refused_as_prefect_may_be_away(self, unit: Unit) -> None:
        (said,) = wrong_tell(unit, ["block:slack-webhook/duty"])
        assert "another channel too" in said


@pytest.mark.prefect
@pytest.mark.xdist_group("on a clock")
class TestBlocksOfPrefect:
    def test_a_notification_block_is_read_and_notifies_and_what_it_is_answered_is_recorded(
        self, tmp_path: Path, prefect: PrefectServer, receiver: Receiver
    ) -> None:
        unit = LiveUnit(tmp_path, prefect.api)
        webhook(unit, receiver)
        settings = unit.settings
        assert notify(settings, "block:custom-webhook/duty", "A subject", "A text") == ""
        assert receiver.got == [("/hook", {"subject": "A subject", "body": "A text", "token": TOKEN})]
        receiver.status = 500
        reason = notify(settings, "block:custom-webhook/duty", "A subject", "A text")
        assert reason == "the service answered with status 500"

    def test_a_block_that_is_not_there_or_does_not_notify_is_told(
        self, tmp_path: Path, prefect: PrefectServer
    ) -> None:
        unit = LiveUnit(tmp_path, prefect.api)
        reason = notify(unit.settings, "block:slack-webhook/nobody", "A", "B")
        assert reason == "there is no such block in Prefect, or it cannot be read"
        saved(unit, "Secret", "duty", value=TOKEN)
        assert notify(unit.settings, "block:secret/duty", "A", "B") == "it is no block that notifies"

    def test_a_service_of_an_apprise_block_that_says_no_is_not_taken_for_told(
        self, tmp_path: Path, prefect: PrefectServer, receiver: Receiver
    ) -> None:
        unit = LiveUnit(tmp_path, prefect.api)
        saved(unit, "MattermostWebhook", "duty", hostname="127.0.0.1", token=TOKEN, port=int(receiver.place[10:]))
        receiver.status = 403
        reason = notify(unit.settings, "block:mattermost-webhook/duty", "A", "B")
        assert reason.startswith("the service ")
        assert TOKEN not in reason

    def test_without_prefect_the_channel_says_so_and_the_others_are_told(self, tmp_path: Path) -> None:
        unit = LiveUnit(tmp_path, "http://127.0.0.1:1/api")
        rung = RungChannels(level=1, tell=("drop", "block:slack-webhook/duty"), mail_to="")
        told = deliver(unit.settings, rung, trial())
        assert not told.delivered
        assert told.why.startswith("block:slack-webhook/duty: the block cannot be read: Prefect at 127.0.0.1:1 ")
        assert [each["delivered"] for each in told.deliveries] == [True, False]


def saved(unit: LiveUnit, kind: str, called: str, /, **values: Any) -> None:
    """Make a block, as a person does on Prefect's page."""
    from flows.prefect_api import speaking_to

    with speaking_to(unit.settings):
        from prefect.blocks import notifications, system

        made = getattr(notifications, kind, None) or getattr(system, kind)
        made(**values).save(called, overwrite=True)


def webhook(unit: LiveUnit, receiver: Receiver) -> None:
    said = {"subject": "{{subject}}", "body": "{{body}}", "token": "{{token}}"}
    url = f"{receiver.address}/hook"
    saved(
        unit, "CustomWebhookNotificationBlock", "duty", name="duty", url=url, json_data=said, secrets={"token": TOKEN}
    )
