"""What every Prefect entry point shares: its errand, its office, its tasks, and what Prefect gets to see.

Prefect stores parameters, names, states, logs and artifacts in clear. So parameters are opaque ids and closed
lists, names are counts, and a run ends in a state that we write ourselves: no exception of ours ever reaches
Prefect's engine, and no traceback its database. Nothing is retried by Prefect, and no result is kept.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed
from prefect.utilities.urls import url_for
from pydantic import Field

from flows.acting import Done
from flows.limits import Turns
from flows.office import Office, office
from flows.prefect_api import ERRAND, Errand
from flows.replying import ReplyError
from flows.settings import SettingsError, load
from flows.sweeping import Each, Pass, Progress, Report, place, queue
from ledger.interface import Claim, LedgerError
from providers.errors import ConfigurationError

TOLD = (LedgerError, ConfigurationError, SettingsError, ReplyError)
"""Errors whose text is written for people and holds no identifier."""

REASONS = 5
"""Different reasons of failure named in a run's state; the rest is counted."""


def form(what: str, **rules: Any) -> Any:
    """A field of a form: the line below it, and its rules. Prefect drops a description that stands anywhere else."""
    enum = rules.pop("enum", None)
    return Field(json_schema_extra={"description": what} | ({"enum": list(enum)} if enum else {}), **rules)


RequestId = Annotated[
    str,
    form(
        "The request's id: HF- and twelve characters. Nothing else: no account, no name.",
        pattern="^HF-[0-9A-HJKMNP-TV-Z]{12}$",
    ),
]
Person = Annotated[
    str,
    form(
        "Who enters this: your name or role. Prefect itself does not know who you are.",
        min_length=2,
        max_length=80,
        pattern="^[^@]*$",
    ),
]

Summary = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What the work of a run is given: the open office, and how to work on requests so that Prefect sees it."""

    office: Office
    errand: Errand
    each: Each
    progress: Progress


async def carry_out(step: str, work: Callable[[Run], Report | Summary]) -> State[Any]:
    """Do the plain work of a run in a thread, in an office opened from the environment; gives the run's end.

    Args:
        step: the word that a provider's task run is named with ("send", "sweep").
        work: gets the office; gives a report of acts, or a small summary of opaque ids and days.
    """
    given = ERRAND.get()
    errand = given or Errand()
    if not errand.begin():
        return Cancelled(message="Done directly in the meantime: Prefect took too long to begin.")
    errand.run = str(flow_run.id)
    errand.url = url_for("flow-run", obj_id=errand.run) or ""
    each, progress = _each(step, Turns(stop=errand.stop)), _progress(errand)

    def whole() -> Report | Summary:
        with office(errand.settings or load()) as opened:
            return work(Run(office=opened, errand=errand, each=each, progress=progress))

    failure = ""
    try:
        done = await asyncio.to_thread(whole)
        errand.report = done if isinstance(done, Report) else None
    except asyncio.CancelledError:
        if given is None:  # a person cancelled the run; the acts in hand are finished
            errand.stop.set()
        raise
    except TOLD as error:
        failure = str(error)
    except Exception as error:  # the type alone is safe to store
        plain = str(error) if type(error) is LookupError else ""
        failure = plain or f"{type(error).__name__} in {place(error)}: a fault of Holdfast"
    finally:
        errand.finished.set()
    if failure:
        return Failed(message=failure)
    if isinstance(done, Report):
        return end_of(done)
    return Completed(message=", ".join(f"{name}: {value}" for name, value in done.items()), data=dict(done))


def end_of(report: Report) -> State[Any]:
    """The state that a report ends in: failed if anything failed, with the reasons and without any identifier."""
    summary = {
        "requests": report.looked_at,
        "acts": len(report.done),
        "failures": len(report.failures),
        "person": report.person,
        "acted_on": sorted({each.request for each in report.done}),
    }
    text = f"{_number(report.looked_at, 'request')} looked at, {_number(len(report.done), 'act')}"
    text += ", something needs a person" if report.person else ""
    if not report.failed:
        return Completed(message=text, data=summary)
    reasons = list(dict.fromkeys(reason for _, reason in report.failures))
    named = "; ".join(reasons[:REASONS]) + (f"; {len(reasons) - REASONS} more" if len(reasons) > REASONS else "")
    return Failed(message=f"{text}, {len(report.failures)} failed: {named}", data=summary)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _progress(errand: Errand) -> Progress:
    """Tells the caller and the run's log of each act, from any thread."""
    context, log = contextvars.copy_context(), get_run_logger()

    def tell(done: Done) -> None:
        text = f"{done.request} {done.action}: {done.failed or done.result}"
        context.copy().run(log.warning if done.failed or done.person else log.info, text)
        if errand.progress:
            errand.progress(done)

    return tell


def _each(step: str, turns: Turns) -> Each:
    """`queue`, with a task run of its own for each provider's batch, which waits for its turn at the provider."""
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()

    def each(this: Pass, claims: Sequence[Claim]) -> Report:
        begun, reports = threading.Event(), list[Report]()

        @task(
            name=f"{step}-batch",
            task_run_name=f"{step} provider={claims[0].provider} n={len(claims)}",
            retries=0,
            persist_result=False,
            cache_policy=NO_CACHE,
        )
        async def batch() -> State[Any]:
            async with turns.at(claims[0].provider) as without:
                if without:
                    get_run_logger().warning(without)
                begun.set()
                reports.append(await asyncio.to_thread(queue, this, claims))
            return end_of(reports[0])

        run: Any = batch  # Prefect's types do not know that this gives a coroutine
        ended = context.copy().run(lambda: asyncio.run_coroutine_threadsafe(run(return_state=True), loop))
        try:
            ended.result()
        except Exception:  # a server that died; only where the batch never began is it safe to do it here
            if begun.is_set() and not reports:
                raise
        return reports[0] if reports else queue(this, claims)

    return each
