"""What runs are called: by ids and closed lists alone, whatever was typed into their forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from prefect.runtime import flow_run

from flows.forms.fields import REQUEST
from flows.replying import KINDS

REQUEST_ID = re.compile(REQUEST).fullmatch
"""Whether a text is an id of ours."""

HARMLESS: Mapping[str, Callable[[str], object]] = {
    "request": REQUEST_ID,
    "draft": REQUEST_ID,
    "kind": KINDS.__contains__,
}
"""The parameters that may stand in a name, and what they must be like."""


def named(words: str) -> Callable[[], str]:
    """The name of a run, such as "release {request}". What is not as it must be is left out."""

    def name() -> str:
        parameters: Mapping[str, Any] = flow_run.parameters or {}
        told = {
            each: value if isinstance(value := parameters.get(each), str) and harmless(value) else "?"
            for each, harmless in HARMLESS.items()
        }
        return words.format(**told)

    return name
