"""The flows behind the short forms of `flows.answers`: *Record a reply*, with the kind known and the rest left out.

A flow for each kind, made from the fields of that form: Prefect shows what a function's signature says.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from prefect.client.schemas.objects import State

from flows.answers import SHORT, flow_of, function_of
from flows.entry import Run, carry_out
from flows.forms.fields import form
from flows.forms.flow import FormFlow, form_flow
from flows.forms.names import named
from flows.outcome import Outcome
from flows.reply import GROUND, record_reply, recorded
from flows.replying import KINDS
from providers.errors import GROUNDS

ALWAYS_FIRST, ALWAYS_LAST = ("request",), ("by", "matter")
"""What every one of these forms asks, above and below its own fields."""


def _short(kind: str) -> FormFlow[..., Coroutine[Any, Any, State[Any]]]:
    whole = inspect.signature(record_reply.fn, eval_str=True).parameters
    shown = [whole[name] for name in (*ALWAYS_FIRST, *SHORT[kind].fields, *ALWAYS_LAST)]
    asked = [_demanded(each) if each.name in KINDS[kind].needs else each for each in shown]

    async def answer(**given: Any) -> State[Any]:
        return await carry_out("record", work, of=flow, given=given)

    def work(run: Run, **told: Any) -> Outcome:
        return recorded(run, kind=kind, **told)

    function: Any = answer
    function.__name__ = function.__qualname__ = function_of(kind)
    function.__doc__ = SHORT[kind].what
    function.__signature__ = inspect.Signature(asked)
    flow = form_flow(flow_of(kind), called=named(f"record {kind} {{request}}"))(function)
    return flow


def _demanded(field: inspect.Parameter) -> inspect.Parameter:
    """The field without its default, and without the empty choice of its list."""
    annotation = Annotated[str, form(GROUND, title="Ground of refusal", enum=GROUNDS)]
    return field.replace(default=field.empty, annotation=annotation if field.name == "ground" else field.annotation)


FLOWS: dict[str, Callable[..., Any]] = {function_of(kind): _short(kind) for kind in SHORT}
"""By the name of the function, under which Prefect finds each in this module."""

globals().update(FLOWS)
