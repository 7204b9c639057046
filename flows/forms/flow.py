"""The flows behind the forms: like any other of Prefect, but what was entered is never judged by Prefect's engine.

The engine's own errors quote what they refuse, a value that does not fit as well as the name of a field that does not
exist, into the run's state, its log and its traceback. So the engine is given something it cannot refuse: exactly the
fields of the form, with `MISSING` where nothing was filled in. They are judged in `flows.entry.carry_out`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from prefect import Flow
from prefect.client.schemas.objects import State

P = ParamSpec("P")
R = TypeVar("R")


class Missing:
    """Stands in the place of what was not filled in and must be."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


class FormFlow(Flow[P, R]):
    """A flow whose parameters are taken as they come. Make it with `form_flow`."""

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The fields of the form, whatever was given; never raises."""
        return {name: parameters.get(name, default) for name, default in self.fields().items()}

    @property
    def should_validate_parameters(self) -> bool:
        """Always: the judge is ours."""
        return True

    @should_validate_parameters.setter
    def should_validate_parameters(self, _: bool) -> None:
        """Nothing: a copy that were not judged would fail in the engine, with the names of strange fields."""

    def fields(self) -> dict[str, Any]:
        """The form's fields, with what stands in each where nothing was filled in."""
        declared = inspect.signature(self.fn).parameters.values()
        return {each.name: MISSING if each.default is each.empty else each.default for each in declared}


def form_flow(
    name: str, called: str | Callable[[], str]
) -> Callable[[Callable[P, Coroutine[Any, Any, State[Any]]]], FormFlow[P, Coroutine[Any, Any, State[Any]]]]:
    """Make a flow of a function. `called` is the name of its runs: nothing that was typed may stand in it.

    Prefect repeats nothing and keeps no result.
    """

    def made(function: Callable[P, Coroutine[Any, Any, State[Any]]]) -> FormFlow[P, Coroutine[Any, Any, State[Any]]]:
        return FormFlow(function, name=name, flow_run_name=called, retries=0, persist_result=False, log_prints=False)

    return made
