"""What every Prefect entry point shares: its errand, its office, its tasks, and what Prefect gets to see.

Prefect stores parameters, names, states, logs and artifacts in clear. So parameters are opaque ids and closed
lists, names are counts, and a run ends in a state that we write ourselves: no exception of ours ever reaches
Prefect's engine, and no traceback its database. Nothing is retried by Prefect, and no result is kept.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled
from prefect.utilities.urls import url_for

from flows.acting import Done
from flows.forms.clear import names_no_account
from flows.forms.entered import entered, harmless, kept_in_clear, titled
from flows.forms.flow import FormFlow
from flows.forms.scrubbing import Scrubber
from flows.limits import Turns
from flows.office import Office, office
from flows.outcome import Outcome, Page, end_of, publish
from flows.prefect_api import ERRAND, Errand
from flows.replying import ReplyError
from flows.settings import Settings, SettingsError, load
from flows.sweeping import Each, Pass, Progress, Report, place, queue
from ledger.interface import Claim, LedgerError
from providers.errors import ConfigurationError

__all__ = ["PLAINLY", "Outcome", "Page", "Run", "carry_out", "end_of", "in_words"]

TOLD = (LedgerError, ConfigurationError, SettingsError, ReplyError)
"""Errors whose text is written for people and holds no identifier."""

SHOW_WITHIN = 10.0
"""Seconds that bringing the pages up to date may hold up the end of a run: the next run goes on with it."""


class Plainly(TypedDict):
    """How every flow of ours is made that is no form (`flows.forms.flow`)."""

    retries: int
    persist_result: bool
    log_prints: bool
    validate_parameters: bool


PLAINLY: Plainly = {"retries": 0, "persist_result": False, "log_prints": False, "validate_parameters": False}
"""No repetition, no stored results, and no validation by Prefect's engine, which would quote what was entered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What the work of a run is given: the open office, and how to work on requests so that Prefect sees it.

    `say` writes a line into the run's log, `scrubber` takes what was typed out of the run's parameters.
    """

    office: Office
    errand: Errand
    each: Each
    progress: Progress
    say: Callable[[str], None]
    scrubber: Scrubber


Work = Callable[..., Report | Outcome]


async def carry_out(
    step: str, work: Work, *, of: FormFlow[Any, Any] | None = None, given: Mapping[str, Any] | None = None
) -> State[Any]:
    """Do the plain work of a run in a thread, in an office opened from the environment; gives the run's end.

    What is done is on the pages before the run ends, where that is quick enough. Of what was refused, only our ids,
    days and words of closed lists stay in the run's parameters.

    Args:
        step: the word that a provider's task run is named with ("send", "sweep").
        work: gets the run, and the form's values by name; gives a report of acts, or an outcome in words.
        of: the flow, whose annotations say how a form must be filled in. Without it, `given` is not looked at.
        given: its parameters as Prefect gave them: `locals()`, called first.
    """
    lent = ERRAND.get()
    errand = lent or Errand()
    if not errand.begin():
        return Cancelled(message="Done directly in the meantime: Prefect took too long to begin.")
    errand.run = str(flow_run.id)
    errand.url = url_for("flow-run", obj_id=errand.run) or ""
    each, progress, say = _each(step, Turns(stop=errand.stop)), _progress(errand), _say()
    scrubber = Scrubber.of_this_run()
    settings: list[Settings] = []

    def whole() -> Report | Outcome:
        settings.append(errand.settings or load())
        values = entered(of, given or {}, scrubber.typed) if of is not None else {}
        with office(settings[0]) as opened:
            if of is not None:
                names_no_account(opened, kept_in_clear(of, values))
            run = Run(office=opened, errand=errand, each=each, progress=progress, say=say, scrubber=scrubber)
            return work(run, **values)

    done: Report | Outcome
    try:
        done = await asyncio.to_thread(whole)
        errand.report = done if isinstance(done, Report) else done.report
    except asyncio.CancelledError:
        if lent is None:  # a person cancelled the run; the acts in hand are finished
            errand.stop.set()
        await scrubber.cut_short()
        raise
    except Exception as error:  # none of ours may reach Prefect's engine
        done = Outcome(text=in_words(error, of), failed=True)
        if of is not None:  # what was not entered, nobody has looked at: an account may stand anywhere
            scrubber.keep(harmless(of, scrubber.typed), lambda name: titled(of, name))
    finally:
        errand.finished.set()
    if isinstance(done, Outcome) and done.page is not None:
        await publish(done.page)
    if settings:
        await _show(settings[0], errand.run)
    return await scrubber.ended(end_of(done) if isinstance(done, Report) else done.state)


def in_words(error: Exception, of: FormFlow[Any, Any] | None = None) -> str:
    """What a person is told of an exception: its text where that was written for people, else its type alone."""
    if isinstance(error, TOLD) or type(error) is LookupError:
        told = str(error)
        return _OPTION.sub(lambda found: titled(of, found[1]), told) if of is not None else told
    return f"{type(error).__name__} in {place(error)}: a fault of Holdfast"


_OPTION = re.compile(r"(?<![\w`-])--([a-z]+)(?![\w-])(?=[^`]*(?:`[^`]*`[^`]*)*$)")
"""An option of the command line outside of a command in backticks: on a form it is a field."""


async def _show(settings: Settings, run: str) -> None:
    """Bring the pages up to date; what failed stands in the run's log."""
    from flows.pages.publishing import show

    try:
        failed = await asyncio.wait_for(show(settings, run=run), SHOW_WITHIN)
    except TimeoutError:
        failed = (f"the pages were not brought up to date within {SHOW_WITHIN:g} s; the next run goes on with them",)
    except Exception as error:  # its type alone is safe to store
        failed = (f"the pages were not brought up to date: {type(error).__name__}",)
    for each in failed:
        get_run_logger().warning(each)


def _say() -> Callable[[str], None]:
    """Tells the run's log of how far it is, from any thread."""
    context, log = contextvars.copy_context(), get_run_logger()
    return lambda text: context.copy().run(log.info, text)


def _progress(errand: Errand) -> Progress:
    """Tells the caller and the run's log of each act, from any thread."""
    context, log = contextvars.copy_context(), get_run_logger()

    def tell(done: Done) -> None:
        hand = "by hand: " if done.by_hand else ""
        text = f"{done.request} {done.action}: {hand}{done.failed or done.result}"
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
