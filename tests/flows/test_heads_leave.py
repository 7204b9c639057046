"""Heads are signed on time, once, and leave the machine; what fails is told, tried again, and stops nothing."""

from __future__ import annotations

import email
import email.policy
import json
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from unit_support import MORNING, Unit

from flows import doubts, heads, report_words, settings
from flows.headfile import append, path_of, read, standing
from flows.office import open_office
from flows.proving import compare, from_file
from flows.sweeping import sweep
from ledger.heads import Head, Stamp, check, public_key, signing_key
from ledger.master import MasterKey

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
from time_stamps_support import Authority, serving


class Mailbox:
    """What a real SMTP server on this machine took in."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Any]] = []
        self.refuse = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refuse:
            return "451 try again later"
        self.mails.append(
            (envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=email.policy.default))
        )
        return "250 taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    made.play("alpha")
    yield made
    made.close()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def authority(keys: Authority) -> Iterator[Authority]:
    keys.does, keys.asked = "answer", 0
    with serving(keys):
        yield keys


def with_environ(unit: Unit, **more: str) -> None:
    """Let the unit's environment say more."""
    unit.environ |= more
    now = unit.office.settings.simulated
    unit.office.settings = replace(settings.load(unit.environ), simulated=now)


def publishing(unit: Unit, **rules: Any) -> None:
    """Let the unit's policy publish otherwise."""
    unit.office.catalogue = replace(
        unit.office.catalogue, publishing=replace(unit.office.catalogue.publishing, **rules)
    )


def kept(unit: Unit) -> list[Head]:
    return [Head.read(text) for text in heads.signed(unit.office.ledger)]


def in_file(unit: Unit) -> list[Any]:
    return [found.line for found in read(path_of(unit.office.settings))]


# ---- when


def test_the_first_sweep_signs_a_head_and_writes_it_to_the_file(unit: Unit) -> None:
    unit.preserve()
    assert kept(unit) == []
    assert unit.sweep().failures == []

    (head,) = kept(unit)
    assert in_file(unit) == [head]
    assert (head.events, head.root) == unit.office.ledger.head()
    assert head.at == MORNING
    check(head, key=public_key(signing_key(unit.office.vault)), ledger=unit.office.ledger.identity.ledger)


def test_nothing_is_signed_while_nothing_is_recorded(unit: Unit) -> None:
    assert unit.sweep().failures == []
    assert kept(unit) == []
    assert not path_of(unit.office.settings).exists()


def test_the_next_head_comes_after_a_day_to_the_second(unit: Unit) -> None:
    unit.preserve()
    unit.sweep()
    unit.later(days=1, seconds=-1)
    unit.sweep()
    assert len(kept(unit)) == 1
    unit.later(seconds=1)
    unit.sweep()
    assert [head.at for head in kept(unit)] == [MORNING, MORNING + timedelta(days=1)]
    assert in_file(unit) == kept(unit)


def test_many_events_bring_the_next_head_earlier(unit: Unit) -> None:
    (request,) = unit.preserve()
    unit.sweep()
    publishing(unit, after_events=3)
    unit.office.append(request, [("note", {})] * 2)
    unit.sweep()
    assert len(kept(unit)) == 1
    unit.office.append(request, [("note", {})])
    unit.sweep()
    assert len(kept(unit)) == 2


def test_every_head_is_consistent_with_the_one_before(unit: Unit) -> None:
    from ledger.tree import check_consistency

    (request,) = unit.preserve()
    for _ in range(5):
        unit.sweep()
        unit.office.append(request, [("note", {})])
        unit.later(days=1)
    found = kept(unit)
    assert len(found) == 5
    for before, after in pairwise(found):
        proof = [bytes.fromhex(each) for each in unit.office.ledger.consistency(before.events, after.events)]
        roots = bytes.fromhex(before.root), bytes.fromhex(after.root)
        assert check_consistency(before.events + 1, after.events + 1, *roots, proof)


def test_of_several_sweepers_one_signs(unit: Unit) -> None:
    unit.preserve()
    ready = threading.Barrier(6)

    def one_more(_: int) -> list[tuple[str, str]]:
        with closing(open_office(settings.load(unit.environ))) as office:
            ready.wait()
            return heads.publish(office, office.now())

    with ThreadPoolExecutor(6) as pool:
        assert [failures for failures in pool.map(one_more, range(6)) if failures] == []
    assert len(kept(unit)) == 1
    assert in_file(unit) == kept(unit)


def test_a_file_of_heads_that_is_first_written_while_another_looks_is_not_missed(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit.preserve()
    looked: list[list[Head]] = []

    def while_another_writes(path: Path, ledger: str) -> list[Head]:
        looked.append(standing(path, ledger))
        if len(looked) == 1:
            with closing(open_office(settings.load(unit.environ))) as other:
                assert heads.publish(other, other.now()) == []
        return looked[0]

    monkeypatch.setattr(doubts, "standing", while_another_writes)
    assert doubts.look(unit.office, unit.office.now()).told == ()
    assert looked[0] == []
    assert in_file(unit) == kept(unit) != []


def test_a_sweeper_that_died_between_signing_and_bringing_out_is_stood_in_for(unit: Unit) -> None:
    unit.preserve()
    unit.sweep()
    path_of(unit.office.settings).unlink()
    unit.office.ledger.beat(heads.BEAT, unit.office.now(), {})  # it never noted anything
    unit.later(minutes=4)
    unit.sweep()
    assert not path_of(unit.office.settings).exists(), "it may still be at it"
    unit.later(minutes=1)
    unit.sweep()
    assert in_file(unit) == kept(unit)
    assert len(kept(unit)) == 1


def test_replacing_the_master_key_keeps_the_key_that_signs(unit: Unit) -> None:
    unit.preserve()
    unit.sweep()
    unit.office.vault.rotate(MasterKey(secret=bytes(range(32))))
    unit.later(days=1)
    assert unit.sweep().failures == []
    first, second = kept(unit)
    assert first.key == second.key
    check(second, key=first.key)


# ---- the file


def test_lines_are_added_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    append(path, ["one"])
    append(path, ["one", "two"])
    with path.open("a") as file:
        file.write("thr")  # a crash cut it off
    append(path, ["four"])
    assert path.read_text() == "one\ntwo\nthr\nfour\n"


def test_many_writers_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append(path, [f"line {number}"]), range(100)))
    assert sorted(path.read_text().splitlines()) == sorted(f"line {number}" for number in range(100))


def test_a_missing_mount_is_not_taken_for_a_folder_of_this_machine(unit: Unit, tmp_path: Path) -> None:
    with_environ(unit, HOLDFAST_HEADS=str(tmp_path / "not mounted" / "heads.jsonl"))
    unit.preserve()
    failures = unit.sweep().failures
    assert "could not be written to the file of heads" in failures[0][1]
    assert not (tmp_path / "not mounted").exists()
    assert len(kept(unit)) == 1, "the head is signed all the same"
    (tmp_path / "not mounted").mkdir()
    assert unit.sweep().failures == []
    assert in_file(unit) == kept(unit)


def test_a_file_that_is_gone_is_told_and_written_anew(unit: Unit) -> None:
    unit.preserve()
    unit.sweep()
    path_of(unit.office.settings).unlink()
    unit.later(days=1)
    assert any("was gone and was written anew" in what for _, what in unit.sweep().failures)
    assert in_file(unit) == kept(unit)
    assert len(kept(unit)) == 2


def test_the_newest_head_of_a_ledger_is_found_among_others_in_a_long_file(unit: Unit, tmp_path: Path) -> None:
    unit.preserve()
    unit.sweep()
    (head,) = kept(unit)
    path = tmp_path / "many.jsonl"
    other = replace(head, ledger="another")
    append(path, [head.text()])
    with path.open("a") as file:
        for number in range(500):
            file.write(replace(other, events=number).text() + "\n")
        file.write("cut o")
    assert path.stat().st_size > 2 * 64 * 1024
    assert standing(path, head.ledger) == [head]
    assert standing(path, "another")[0] == replace(other, events=499)
    assert standing(path, "none") == []
    assert standing(tmp_path / "nothing", head.ledger) == []


# ---- by mail


def test_a_head_is_mailed_so_that_it_can_be_checked(unit: Unit, mailbox: tuple[Mailbox, str], tmp_path: Path) -> None:
    box, smtp = mailbox
    with_environ(unit, HOLDFAST_SMTP=smtp)
    publishing(unit, mail_to=("registry@court.example", "head@police.example.com"))
    unit.preserve()
    assert unit.sweep().failures == []

    ((to, mail),) = box.mails
    assert to == ["registry@court.example", "head@police.example.com"]
    (attached,) = list(mail.iter_attachments())
    saved = tmp_path / "mailed.jsonl"
    saved.write_bytes(attached.get_payload(decode=True))
    assert [found.line for found in read(saved)] == kept(unit)
    assert kept(unit)[0].root in mail.get_body().get_content()
    assert heads.went(unit.office, kept(unit)[0])["mail"] == ["registry@court.example", "head@police.example.com"]


def test_a_mail_that_fails_is_told_once_a_day_and_sent_by_a_later_sweep(
    unit: Unit, mailbox: tuple[Mailbox, str]
) -> None:
    box, smtp = mailbox
    box.refuse = True
    with_environ(unit, HOLDFAST_SMTP=smtp)
    publishing(unit, mail_to=("registry@court.example",))
    unit.preserve()
    for _ in range(3):
        (failure,) = unit.sweep().failures
        assert "could not be mailed" in failure[1]
        unit.later(minutes=15)
    assert in_file(unit) == kept(unit), "another way does not wait for it"
    notices = [json.loads(path.read_text()) for path in unit.office.settings.drop_path.glob("*-heads-*.json")]
    assert len(notices) == 1
    assert "could not be mailed" in notices[0]["because"]
    box.refuse = False
    assert unit.sweep().failures == []
    assert unit.sweep().failures == []
    assert len(box.mails) == 1


# ---- time-stamped


def test_a_head_is_stamped_by_the_authority(unit: Unit, authority: Authority) -> None:
    with_environ(unit, **authority.environ())
    unit.preserve()
    assert unit.sweep().failures == []

    (head,) = kept(unit)
    stamp = heads.stamp_of(unit.office, head)
    assert stamp is not None
    assert in_file(unit) == [head, stamp]
    seen = datetime.fromisoformat(str(heads.went(unit.office, head)["stamped_at"]))
    assert abs(seen - datetime.now(seen.tzinfo)) < timedelta(minutes=1)


def test_a_stamp_that_does_not_hold_takes_nothing_from_one_that_does(unit: Unit, authority: Authority) -> None:
    """Who may add lines to the file of heads can add a stamp over any head."""
    with_environ(unit, **authority.environ())
    unit.preserve()
    unit.sweep()
    file = path_of(unit.office.settings)
    append(file, [Stamp(head=kept(unit)[0].digest, response=b"nothing").text()])
    (seen,) = compare(unit.office, [from_file(file)]).seen
    assert seen.stamped_at is not None
    assert seen.stamp == ""


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("fail", "answered with status 503"),
        ("babble", "cannot be read as an RFC 3161 response"),
        ("flood", "more than 262144 bytes"),
        ("redirect", "answered with status 302"),
    ],
)
def test_an_authority_that_fails_stops_nothing_and_is_asked_again(
    unit: Unit, authority: Authority, does: str, said: str
) -> None:
    authority.does = does
    with_environ(unit, **authority.environ())
    unit.preserve()
    (failure,) = unit.sweep().failures
    assert "has no time stamp" in failure[1]
    assert said in failure[1]
    (head,) = kept(unit)
    assert in_file(unit) == [head]

    authority.does = "answer"
    assert unit.sweep().failures == []
    assert [type(line) for line in in_file(unit)] == [Head, Stamp]
    asked = authority.asked
    assert unit.sweep().failures == []
    assert authority.asked == asked, "once stamped, never asked again"


def test_an_authority_that_is_down_is_asked_once_in_a_sweep(unit: Unit, authority: Authority) -> None:
    authority.does = "fail"
    with_environ(unit, **authority.environ())
    unit.preserve()
    for _ in range(3):
        unit.sweep()
        unit.later(days=1)
    authority.asked = 0
    unit.sweep()
    assert (authority.asked, len(kept(unit))) == (1, 4)
    authority.does = "answer"
    assert unit.sweep().failures == []
    assert all(heads.stamp_of(unit.office, head) for head in kept(unit))


def test_a_stamp_that_nobody_can_check_is_not_taken(unit: Unit, authority: Authority, tmp_path: Path) -> None:
    with_environ(unit, HOLDFAST_TSA_URL=authority.url)
    unit.preserve()
    assert "HOLDFAST_TSA_CA is not set" in unit.sweep().failures[0][1]
    with_environ(unit, HOLDFAST_TSA_CA=str(tmp_path / "gone"))
    assert "HOLDFAST_TSA_CA" in unit.sweep().failures[0][1]
    with_environ(unit, HOLDFAST_TSA_CA=str(Authority(tmp_path / "other").ca))
    assert "does not hold" in unit.sweep().failures[0][1]
    assert heads.stamp_of(unit.office, kept(unit)[0]) is None


# ---- the weekly report


def test_the_report_is_mailed_once_when_the_week_is_over(unit: Unit, mailbox: tuple[Mailbox, str]) -> None:
    box, smtp = mailbox
    with_environ(unit, HOLDFAST_SMTP=smtp)
    publishing(unit, report_to=("head@police.example.com",))
    unit.preserve()
    unit.sweep()
    assert box.mails == [], "there is no full week yet"
    unit.at(datetime(2026, 11, 23, 0, 0, 1, tzinfo=MORNING.tzinfo))
    unit.sweep()
    unit.sweep()
    ((to, mail),) = box.mails
    assert to == ["head@police.example.com"]
    assert mail["Subject"] == "[Holdfast] report of week 2026-W47"
    assert "requests sent" in mail.get_content()
    assert kept(unit)[0].root in mail.get_content()


def test_a_report_that_could_not_be_mailed_is_mailed_by_a_later_sweep(
    unit: Unit, mailbox: tuple[Mailbox, str]
) -> None:
    box, smtp = mailbox
    with_environ(unit, HOLDFAST_SMTP=smtp)
    publishing(unit, report_to=("head@police.example.com",))
    unit.preserve()
    unit.sweep()
    unit.later(days=3)
    box.refuse = True
    assert any("report of week 2026-W47 could not be mailed" in what for _, what in unit.sweep().failures)
    box.refuse = False
    assert unit.sweep().failures == []
    assert [mail["Subject"] for _, mail in box.mails] == ["[Holdfast] report of week 2026-W47"]
    beat = unit.office.ledger.last_beat(report_words.BEAT)
    assert beat is not None


def test_a_fault_in_the_heads_never_stops_a_sweep(unit: Unit) -> None:
    (request,) = unit.preserve()
    path_of(unit.office.settings).mkdir()
    failures = sweep(unit.office).failures
    assert failures
    assert all("heads" in what for _, what in failures)
    assert unit.office.ledger.row(request) is not None
