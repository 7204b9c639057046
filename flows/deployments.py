"""What is served to people in the Prefect UI, and by whom it is carried out: the one list.

`holdfast serve` and `prefect.yaml` serve exactly this. Links on the desk's pages are made from the names of flow and
deployment, so both are promises. Nothing here imports Prefect: the desk reads the list without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from flows.answers import SHORT, flow_of, function_of
from timeline.rules import Policy

POOL = "holdfast-desk"
"""The work pool of `holdfast serve`."""

POOL_TYPE = "in-process"

PROCESS_POOL = "holdfast"
"""The work pool of `prefect.yaml`, whose workers start a process for each run."""

QUEUES: Mapping[str, str] = {
    "urgent": "What preserves data. Somebody's evidence waits for it.",
    "people": "Forms that a person has filled in and waits for.",
    "bulk": "Jobs on many requests, and the report. They take minutes.",
    "sweeps": "What runs by the clock.",
}
"""The queues, the first one first, and what each is for."""

TAG = "holdfast"
SENDS = "sends"
"""The tag of what may say something to a provider."""

SWEEP, DAILY = "sweep", "daily"
"""Schedules: once in each sweep interval of the policy; once a day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """One deployment.

    `entrypoint` names the flow's function in its module. `limit`: so many runs of it at a time, None for no limit.
    `schedule`: `SWEEP`, `DAILY`, or "" for what runs only when somebody asks.
    """

    flow: str
    name: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    queue: str
    limit: int | None = None
    schedule: str = ""

    @property
    def full_name(self) -> str:
        """As Prefect writes it: flow and deployment."""
        return f"{self.flow}/{self.name}"

    @property
    def module(self) -> str:
        """The module of the flow's function."""
        return self.entrypoint.rpartition(".")[0]

    @property
    def function(self) -> str:
        """The name of the flow's function."""
        return self.entrypoint.rpartition(".")[2]


def every(served: Served, policy: Policy) -> timedelta | None:
    """How often a deployment runs by itself; None for what runs only when somebody asks."""
    return {SWEEP: policy.sweep_interval, DAILY: timedelta(days=1)}.get(served.schedule)


@cache
def version() -> str:
    """The version that every deployment carries: this package's."""
    from importlib.metadata import version as of

    return of("holdfast")


def words() -> dict[str, str]:
    """The descriptions by the name of the flow's function, for `prefect.yaml`, so that they are written here only."""
    return {each.function: each.description for each in SERVED}


def _lines(text: str) -> str:
    """A text, each paragraph on one line: one of Prefect's two user interfaces breaks lines where the text does."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


_ACCOUNTS = (
    "**Type no account, no name of a suspect and no remark into any field.** Whoever may open these pages can read "
    "what is typed here. Remarks go in on the command line, `holdfast record … --text`, which seals them."
)

_WHO = (
    "The last field asks **who enters this**: your name or role. These pages do not know who you are, and the record "
    "has to."
)

_WRONG = (
    "If an entry cannot be right, nothing is entered: the run ends as *Failed* and says which field, what is wrong, "
    "and what to write instead. Correct it and send the form again."
)

SERVED: tuple[Served, ...] = (
    Served(
        flow="preserve-case",
        name="Preserve a case",
        entrypoint="flows.forms.preserve.preserve_case",
        tags=(TAG, "form", SENDS),
        queue="urgent",
        description=_lines(f"""\
Asks providers to keep data, at once: **what you send here goes out within seconds.**

**What to enter.** The case, the legal basis, the provider, which data from when to when, and the accounts. A line
below every field says what belongs there. Check each account twice: a wrong one is preserved just as well, and the
right one is lost.

**What happens then.** Everything is checked first. Where something is wrong, nothing is sent, and the run says what.
Otherwise the case is registered, the accounts are sealed and taken out of this run, and each request is sent. The run
shows the id of each request (`HF-…`) and how it stands. Clocks run from now on; you find the case on the board.

**What cannot be taken back.** A request that was sent. The provider may have told its user, where its rules say so.
A hold that is not needed any more is ended with the form *Release*.

**The accounts you type here** are in the database of these pages for the seconds until they are taken out, and parts
of its files may keep them longer. Where that must not be: the officer types `holdfast draft CASE` on a machine of
the unit, and the id goes into the form *Preserve a draft*.

{_WHO}
"""),
    ),
    Served(
        flow="preserve-draft",
        name="Preserve a draft",
        entrypoint="flows.forms.draft.preserve_draft",
        tags=(TAG, "form", SENDS),
        queue="urgent",
        description=_lines(f"""\
Sends the requests of a case that an officer has prepared with `holdfast draft CASE`: **they go out within seconds.**

**What to enter.** The id that the officer gave you. No account is typed here: they are sealed already.

**What happens then.** Each request of the draft is sent to its provider. The run shows how each one stands. Sent
twice, the form sends nothing a second time.

**What cannot be taken back.** A request that was sent.

{_WHO}
"""),
    ),
    Served(
        flow="issue-requests",
        name="Send registered requests",
        entrypoint="flows.issue.issue_requests",
        tags=(TAG, "form", SENDS),
        queue="urgent",
        description=_lines("""\
Sends requests that are registered and not sent yet, now and not at the next sweep.

**What to enter.** The ids of the requests, `HF-…`, one in each line, and your name or role.

**What happens then.** What is not sent yet is sent, and it is recorded who wanted it now. The run shows a table of
how each request stands. A request that was sent already is left as it is.

**What cannot be taken back.** A request that was sent.
"""),
    ),
    Served(
        flow="record-reply",
        name="Record a reply",
        entrypoint="flows.reply.record_reply",
        tags=(TAG, "form"),
        queue="people",
        description=_lines(f"""\
Enters what a provider answered or what you decided, so that the clocks of the request move.

**What to enter.** The request (`HF-…`), what you learned, and what belongs to it: the provider's own reference, the
day, until when the data are kept. Links on the desk queue fill in most of it. Leave empty what you do not know.

**What happens then.** It stands in the record, and the run says what is due next. The same entry made twice changes
nothing. If somebody else settled the matter meanwhile, you are told who and when, and nothing is entered.

**What cannot be taken back.** The record only grows: a wrong entry is set right by another one.

{_ACCOUNTS}

{_WRONG}

{_WHO}
"""),
    ),
    Served(
        flow="acknowledge-escalation",
        name="Acknowledge an escalation",
        entrypoint="flows.forms.acknowledge.acknowledge_escalation",
        tags=(TAG, "form"),
        queue="people",
        description=_lines(f"""\
Says that you have a matter in hand, so that the next person up is not woken.

**What to enter.** The request (`HF-…`) and the matter; a link on the desk queue fills in both.

**What happens then.** Nobody else is told of it for now. **The matter stays open** until it is done: it stays on the
desk queue under your name, and it is told again if nothing comes of it.

{_WHO}
"""),
    ),
    Served(
        flow="extend-request",
        name="Extend now",
        entrypoint="flows.forms.extend.extend_request",
        tags=(TAG, "form", SENDS),
        queue="people",
        description=_lines(f"""\
Asks the provider to keep the data longer, now and not when the time for it comes by itself.

**What to enter.** The request, `HF-…`.

**What happens then.** The extension is sent if the law allows one and the hold can take it; else the run says why
not, and nothing is sent. The new end counts from the old one, never from today, so nothing is lost by being early.

**What cannot be taken back.** An extension that was sent. Some laws allow only one.

{_WHO}
"""),
    ),
    Served(
        flow="release-request",
        name="Release",
        entrypoint="flows.release.release_request",
        tags=(TAG, "form", SENDS),
        queue="people",
        description=_lines(f"""\
Ends a hold and tells the provider.

**What to enter.** The request (`HF-…`) and why the hold may end, from the list. A reason that is not in the list is
given on the command line: `holdfast release … --because TEXT`, which seals it.

**What happens then.** The provider is told. Where your unit wants two people for a release, this form says so and
does nothing.

**What cannot be taken back: this.** The provider may delete the data at once.

{_WHO}
"""),
    ),
    Served(
        flow="take-out-packet",
        name="Take out a packet",
        entrypoint="flows.forms.packet.take_out_packet",
        tags=(TAG, "form"),
        queue="people",
        description=_lines(f"""\
Puts together what is to be submitted by hand, where no machine can speak to the provider: the letter, the fields of
its portal, the list of accounts.

**What to enter.** The request, `HF-…`.

**What happens then.** The packet is written to the unit's folder for packets, on the machine that carries out these
forms. The run says where. **It holds the accounts in clear**: delete it when it is submitted. That you took it out
stands in the record.

Afterwards enter what came of it, with *Record a reply*.

{_WHO}
"""),
    ),
    Served(
        flow="escalate",
        name="Tell people now",
        entrypoint="flows.escalate.escalate",
        tags=(TAG, "form"),
        queue="people",
        description=_lines("""\
Tells people now what is due to be told about one request. Nothing is said to the provider.

**What to enter.** The request, `HF-…`, and your name or role.

**What happens then.** Whoever is next is told, the way your unit decided. What was told and is not due again is not
repeated. If somebody could not be told, the run ends as *Failed* and says so; the next sweep goes on with the next
person.
"""),
    ),
    Served(
        flow="release-many",
        name="Release many",
        entrypoint="flows.forms.many.release_many",
        tags=(TAG, "form", SENDS),
        queue="bulk",
        limit=1,
        description=_lines(f"""\
Ends many holds at once, in two steps: first you see which, then you confirm.

**What to enter.** Which requests (by case, by provider …), and why their holds may end. Leave *confirm* empty.

**What happens then.** Nothing is released yet. The run makes a page that lists exactly what would be released, with
a link that opens this form again, filled in. Look at the list; open the link; send it. If the list has changed since,
nothing is released, and you get the new list.

**What cannot be taken back: the second step.** Each provider may delete the data at once.

{_WHO}
"""),
    ),
    Served(
        flow="extend-many",
        name="Extend many",
        entrypoint="flows.forms.many.extend_many",
        tags=(TAG, "form", SENDS),
        queue="bulk",
        limit=1,
        description=_lines(f"""\
Asks for many extensions at once, in two steps: first you see which, then you confirm.

**What to enter.** Which requests (by case, by provider …). Leave *confirm* empty.

**What happens then.** Nothing is sent yet. The run makes a page that lists what would be extended and what cannot be,
with a link that opens this form again, filled in. Look at the list; open the link; send it. If the list has changed
since, nothing is sent, and you get the new list.

**What cannot be taken back.** An extension that was sent. Some laws allow only one.

{_WHO}
"""),
    ),
    Served(
        flow="weekly-report",
        name="Report",
        entrypoint="flows.forms.report.weekly_report",
        tags=(TAG, "form"),
        queue="bulk",
        limit=1,
        description=_lines("""\
Makes the page *Report*: what was sent, kept, extended, refused and lost, and how long providers took. Nothing is said
to anybody.
"""),
    ),
    Served(
        flow="sweep-holds",
        name="Sweep now",
        entrypoint="flows.sweep.sweep_holds",
        tags=(TAG, SENDS),
        queue="sweeps",
        limit=1,
        schedule=SWEEP,
        description=_lines("""\
Goes through everything that is due and does it: sends, extends, asks providers how things stand, tells people. Then
it brings the pages up to date.

There is nothing to enter, and no harm in asking twice: what was done is not done again. It also runs by itself; while
the watch does its work, such a run finds that nothing is left to do, and says so.

**If a run ends as *Failed***, something did not succeed. The run says what, its log on which request, and the next
sweep tries again.
"""),
    ),
    Served(
        flow="tidy-up",
        name="Tidy up old runs",
        entrypoint="flows.serving.tidying.tidy_up",
        tags=(TAG,),
        queue="sweeps",
        limit=1,
        schedule=DAILY,
        description=_lines("""\
Removes old runs from these pages, with their logs, so that the pages stay quick. Nothing of the record is touched:
what was done about a request stands there for good, and these pages only show it.

There is nothing to enter. It runs by itself once a day.
"""),
    ),
    *(
        Served(
            flow=flow_of(kind),
            name=short.name,
            entrypoint=f"flows.forms.short.{function_of(kind)}",
            tags=(TAG, "form"),
            queue="people",
            description=_lines(f"""\
{short.what}

**What to enter.** Links of the desk queue fill in what is known; *Record a reply* takes all else. {_ACCOUNTS}

**What happens then.** It is recorded, and the clocks move. {_WRONG} {_WHO}
"""),
        )
        for kind, short in SHORT.items()
    ),
)
