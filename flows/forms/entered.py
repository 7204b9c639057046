"""What a person filled in, checked by ourselves: Prefect's engine would quote a wrong value into its database.

The server holds an entry against the form's schema before a run begins; what it lets through (a day that does not
exist, a form filled in by a program) is told here, by the titles of the fields and without any value.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from flows.forms.fields import REQUEST
from flows.forms.flow import MISSING, FormFlow
from flows.instants import Unfit
from flows.replying import ReplyError


class Wrong(ReplyError):
    """The form is filled in wrongly. `lines`: each field, what is wrong with it and what to write instead."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(dict.fromkeys(lines))
        super().__init__("; ".join(self.lines))


def entered(of: FormFlow[Any, Any], given: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a form as its flow's annotations say.

    Args:
        of: the flow.
        given: what Prefect gave for each of its fields, `MISSING` where nothing was filled in.
        typed: the run's parameters as they are stored: they may have fields that the form does not have.

    Raises:
        Wrong: names every field by its title, and quotes no value.
    """
    model = _model(of)
    lines = (
        ["The form has no such fields as some that were sent: fill in the form itself"] if _strange(of, typed) else []
    )
    try:
        read = model.model_validate({name: value for name, value in given.items() if value is not MISSING})
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True, include_input=False)
        raise Wrong([*lines, *(_told(model, each) for each in found)]) from None
    values = {name: getattr(read, name) for name in model.model_fields}
    closed = {name: _extra(model, name).get("enum") for name in values}
    lines += [
        f"{_title(model, name)}: is none of the choices; choose from the list"
        for name, words in closed.items()
        if words and values[name] not in words
    ]
    if lines:
        raise Wrong(lines)
    return values


def _strange(of: FormFlow[Any, Any], typed: Mapping[str, Any]) -> bool:
    """Whether there are fields that the form does not have. Their names may be anything, so they are not told."""
    return bool(set(typed) - set(of.fields()))


def _model(of: FormFlow[Any, Any]) -> Any:
    """A form as a model: one field for each parameter."""
    wanted: dict[str, Any] = {
        name: (each.annotation, Field(... if each.default is inspect.Parameter.empty else each.default))
        for name, each in inspect.signature(of.fn, eval_str=True).parameters.items()
    }
    make: Any = create_model  # its types do not know of fields that are computed
    return make("Entered", __config__=ConfigDict(hide_input_in_errors=True), **wanted)


def harmless(of: FormFlow[Any, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """What may stay of parameters that were entered wrongly: our ids, days, and words of closed lists."""
    model = _model(of)
    return {
        name: value
        for name, value in typed.items()
        if name in model.model_fields and _says_nothing(model, name, value)
    }


def _says_nothing(model: Any, name: str, value: object) -> bool:
    words = _extra(model, name).get("enum")
    if isinstance(value, list):
        return all(isinstance(each, str) and _HARMLESS.fullmatch(each) for each in value)
    if not isinstance(value, str):
        return value is None or isinstance(value, bool)
    return value in words if words else _HARMLESS.fullmatch(value) is not None


_HARMLESS = re.compile(f"{REQUEST.strip('^$')}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|")
"""An id of ours, a day, or nothing."""


def kept_in_clear(of: FormFlow[Any, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """What was written freely into a form, by the titles of its fields: the record and Prefect keep it in clear."""
    model = _model(of)
    return {
        _title(model, name): value
        for name, value in values.items()
        if isinstance(value, str) and not _says_nothing(model, name, value)
    }


def titled(of: FormFlow[Any, Any], name: str) -> str:
    """What the field of a parameter is called, in quotation marks; the option itself where the form has none."""
    known = inspect.signature(of.fn, eval_str=True).parameters.get(name)
    for each in getattr(known.annotation, "__metadata__", ()) if known else ():
        extra = getattr(each, "json_schema_extra", None)
        if isinstance(extra, Mapping) and extra.get("title"):
            return f'"{extra["title"]}"'
    return f'"{name}"' if known else f"--{name}"


def _title(model: Any, name: str) -> str:
    """What a field is called on the form."""
    known = model.model_fields.get(name)
    return str(_extra(model, name).get("title") or (known.title if known else "") or name)


def _extra(model: Any, name: str) -> Mapping[str, Any]:
    known = model.model_fields.get(name)
    extra = known.json_schema_extra if known else None
    return extra if isinstance(extra, Mapping) else {}


def _told(model: Any, error: Mapping[str, Any]) -> str:
    """One thing that is wrong: where, what, and what to write instead."""
    place: Sequence[Any] = error["loc"]
    name = str(place[0]) if place else ""
    titles, extra, inner = [_title(model, name)], _extra(model, name), _inner(model, name)
    for step in place[1:]:
        if isinstance(step, int):
            titles[-1] = f"{titles[-1]}, number {step + 1}"
        elif inner is not None and step in inner.model_fields:
            known = inner.model_fields[step]
            titles.append(known.title or step)
            extra, inner = {"description": known.description}, _inner(inner, step)
    if isinstance(unfit := error.get("ctx", {}).get("error"), Unfit):
        return f"{': '.join(titles)}: {unfit.problem}; {unfit.fix}"
    write = extra.get("write") or extra.get("description") or "what the form asks for"
    return f"{': '.join(titles)}: {_what(error)}; {_then(error, write)}"


def _then(error: Mapping[str, Any], write: str) -> str:
    """What to do about it. A help text is a sentence of its own, what to write is a clause."""
    if str(error["type"]) in {"enum", "literal_error"}:
        return "choose from the list"
    if str(error["type"]).startswith("date"):
        return "pick a day"
    return f"what belongs there: {write.rstrip('.')}" if write[:1].isupper() else f"write {write}"


def _inner(model: Any, name: str) -> type[BaseModel] | None:
    """The model of a field that has fields of its own, or a list of such."""
    known = model.model_fields.get(name)
    wanted = known.annotation if known else None
    for each in (wanted, *getattr(wanted, "__args__", ())):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


_WHAT: Mapping[str, str] = {
    "missing": "is missing",
    "string_type": "is not filled in",
    "string_pattern_mismatch": "is not written as it must be",
    "string_too_short": "is empty or too short",
    "string_too_long": "is too long",
    "enum": "is none of the choices",
    "literal_error": "is none of the choices",
}
"""What is wrong, by pydantic's word for it."""


def _what(error: Mapping[str, Any]) -> str:
    kind = str(error["type"])
    if kind.startswith("date_"):
        return "is no day that there is"
    return _WHAT.get(kind, "cannot be used")
