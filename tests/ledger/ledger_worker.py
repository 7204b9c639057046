"""Another process at the same ledger: `python ledger_worker.py ADDRESS WORK …`. Says on its output what it did."""

import os
import sys
from pathlib import Path

from ledger_fold import MINUTE, NOW, fold, intent, note, registered

from ledger.interface import Duplicate, Ledger
from ledger.sqlite import SqliteLedger


def open_at(address: str) -> Ledger:
    scheme, _, path = address.partition(":///")
    if scheme == "sqlite":
        return SqliteLedger.open(Path("/") / path)
    from ledger.postgres import PostgresLedger

    return PostgresLedger.open(address)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def append(ledger: Ledger, request: str, count: str) -> None:
    for number in range(int(count)):
        (event,) = ledger.append(request, [note(f"{os.getpid()} {number}")], fold, now=NOW)
        say(event.seq)


def claim(ledger: Ledger, owner: str) -> None:
    while claims := ledger.claim(NOW, owner=owner, until=NOW + MINUTE, limit=3):
        for each in claims:
            say(each.request, each.token)


def intend(ledger: Ledger, request: str, count: str) -> None:
    for sequence in range(int(count)):
        try:
            ledger.append(request, [intent("send", sequence)], fold, now=NOW)
            say(sequence)
        except Duplicate:
            pass


def write_on(ledger: Ledger, prefix: str) -> None:
    number = 0
    while True:
        request = f"{prefix}{number // 5}"
        if number % 5:
            events = ledger.append(request, [note("x" * 3000), note()], fold, now=NOW)
        else:
            events = ledger.register(request, [registered()], fold, now=NOW)
        say(events[-1].seq)
        number += 1


if __name__ == "__main__":
    address, work, *rest = sys.argv[1:]
    say("ready")
    sys.stdin.readline()
    {"append": append, "claim": claim, "intend": intend, "write-on": write_on, "open": say}[work](
        open_at(address), *rest
    )
