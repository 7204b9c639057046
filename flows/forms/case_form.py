"""The case and its requests as a clerk types them, and the same as a case file has them.

What is typed is checked as a case file is, with the same words; only the place of a mistake is named by the fields of
the form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from flows.casefile import CATEGORIES
from flows.documents import Document
from flows.forms import choices
from flows.forms.fields import WRITTEN, Day, Instant, moment, without_default
from flows.instants import Unfit
from flows.problems import Problem


def _listed(words: Sequence[str]) -> dict[str, Any]:
    return {"enum": list(words)} if words else {}


class Data(StrEnum):
    """Which data."""

    SUBSCRIBER = "subscriber"
    TRAFFIC = "traffic"
    CONTENT = "content"


class Urgency(StrEnum):
    """How urgent it is."""

    EXPEDITED = "expedited"
    EMERGENCY = "emergency"


class Step(StrEnum):
    """What the day of the MLA request is."""

    PLANNED = "it is planned to leave on that day"
    SENT = "it left on that day"
    RECEIVED = "the other State received it on that day"


class _Part(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")


class CaseEntry(_Part):
    """The investigation, as the provider is to see it."""

    model_config = ConfigDict(title="Case")

    reference: str = Field(
        title="Case number", description="Your unit's own number. It is shown on these pages: no name in it."
    )
    unit: str = Field(title="Unit", description="The requesting unit, as the provider is to see it.")
    country: str = Field(title="Country", description="The requesting State: two capital letters, such as FR.")
    offence: str = Field(title="Offence", description="In a few words: computer-related fraud.")
    provisions: str = Field(
        default="", title="Provisions of law", description="Separated by semicolons: 18 USC 1343; 18 USC 1030."
    )
    facts: str = Field(
        default="",
        title="Facts",
        description="A few sentences; no more than the provider may know. Some laws want them.",
    )
    officer: str = Field(title="Officer", description="Whom the provider can call back: the name.")
    badge: str = Field(title="Badge", description="The officer's badge or service number.")
    email: str = Field(title="E-mail", description="The officer's official address.")
    phone: str = Field(title="Telephone", description="With + and the country code: +33 1 23 45 67 89.")
    mla_state: str = Field(
        default="",
        title="MLA request goes to",
        description="The State that is asked for mutual legal assistance, such as US. Empty: none is planned.",
    )
    mla_day: Day = Field(
        default=None,
        json_schema_extra=without_default,
        title="Day of the MLA request",
        description="Without it nobody can say how long the data must last.",
    )
    mla_step: Step = Field(default=Step.PLANNED, title="What that day is")
    mla_reference: str = Field(
        default="", title="Reference of the MLA request", description="Once it was sent: providers ask for it."
    )
    mla_profile: str = Field(
        default="",
        title="Forecast",
        description="How long answers take. Empty: as your unit decided.",
        json_schema_extra=_listed(choices.profiles()),
    )


class AccountEntry(_Part):
    """One account, device or address."""

    model_config = ConfigDict(title="Account")

    type: str = Field(title="Type", description="What names the account.", json_schema_extra=_listed(choices.types()))
    value: str = Field(
        title="Account",
        description="As the provider knows it. An IP address with its port: 192.0.2.7:51820. A wallet with its chain:"
        " bitcoin:…. It is sealed and taken out of this run.",
    )
    used_from: Instant = Field(
        default=None,
        json_schema_extra=without_default,
        title="Used from",
        description=f"Needed for an IP address: when it was used. Write {WRITTEN}.",
    )
    used_to: Instant = Field(
        default=None, json_schema_extra=without_default, title="Used until", description="Written in the same way."
    )


class RequestEntry(_Part):
    """One provider under one legal basis."""

    model_config = ConfigDict(title="Request")

    provider: str = Field(title="Provider", json_schema_extra=_listed(choices.providers()))
    instrument: str = Field(title="Legal basis", json_schema_extra=_listed(choices.instruments()))
    accounts: list[AccountEntry] = Field(
        title="Accounts", description="At least one.", min_length=1, json_schema_extra={"default": [{}]}
    )
    categories: list[Data] = Field(
        default=[Data.SUBSCRIBER, Data.TRAFFIC, Data.CONTENT], title="Data", description="Which data are to be kept."
    )
    period_from: Instant = Field(
        default=None,
        json_schema_extra=without_default,
        title="From",
        description=f"The beginning of the period. Providers refuse requests without one. Write {WRITTEN}.",
    )
    period_to: Instant = Field(
        default=None,
        json_schema_extra=without_default,
        title="Until",
        description="The end, written in the same way. Empty: all that exists when the request arrives.",
    )
    urgency: Urgency = Field(
        default=Urgency.EXPEDITED, title="Urgency", description="Emergency: a life or somebody's safety is in danger."
    )
    emergency_reason: str = Field(
        default="", title="Why an emergency", description="Of an emergency: who is in danger, and why at once."
    )
    confidential: bool = Field(
        default=True, title="Confidential", description="The provider is asked not to tell its user."
    )
    necessity: str = Field(
        default="", title="Necessity", description="Why the data are needed and may be lost. Some laws want it."
    )
    custodian: str = Field(
        default="", title="Who holds the data", description="And where, if that is known. Some laws want it."
    )
    validated_by: str = Field(
        default="", title="Validated by", description="The judge, court or prosecutor, where the law wants one."
    )
    made_on: Day = Field(
        default=None,
        json_schema_extra=without_default,
        title="Day on the order",
        description="The day the order, notice or demand was made, where the law counts from it (Canada, Brazil, the"
        " United Kingdom). Empty under any other law.",
    )
    user_location: str = Field(
        default="", title="Country of the user", description="Two capital letters, where it is known."
    )
    language: str = Field(default="", title="Language of the letter", description="Two small letters, such as en.")
    snapshot_of: str = Field(
        default="", title="New snapshot of", description="HF-…: an earlier request for the same account."
    )


CASE_KEYS: Mapping[str, str] = {
    "reference": "case.reference",
    "unit": "case.unit",
    "country": "case.country",
    "offence": "case.offence.title",
    "provisions": "case.offence.provisions",
    "facts": "case.offence.facts",
    "officer": "case.officer.name",
    "badge": "case.officer.badge",
    "email": "case.officer.email",
    "phone": "case.officer.phone",
    "mla_state": "case.mla.requested_state",
    "mla_day": "case.mla.send_on",
    "mla_reference": "case.mla.reference",
    "mla_profile": "case.mla.profile",
}
"""Field of the form to key of a case file."""

REQUEST_KEYS: Mapping[str, str] = {"period_from": "from", "period_to": "to", "accounts": "identifiers"}
ACCOUNT_KEYS: Mapping[str, str] = {"used_from": "from", "used_to": "to"}

FILE = "form"
"""What the form is called in the places of problems, in a file's stead."""


def document(case: CaseEntry, requests: Sequence[RequestEntry], *, notice_accepted_by: str) -> Document:
    """What was typed, as the content of a case file. It names accounts: never log it."""
    table = {
        "reference": case.reference,
        "unit": case.unit,
        "country": case.country,
        "offence": _filled(
            {"title": case.offence, "provisions": _parts(case.provisions), "facts": case.facts}, keep={"title"}
        ),
        "officer": {"name": case.officer, "badge": case.badge, "email": case.email, "phone": case.phone},
    }
    if mla := _mla(case):
        table["mla"] = mla
    asked = [_request(each, notice_accepted_by) for each in requests]
    return Document(file=FILE, root={"case": table, "request": asked}, lines={})


def _mla(case: CaseEntry) -> dict[str, Any]:
    key = {Step.PLANNED: "send_on", Step.SENT: "sent_on", Step.RECEIVED: "received_on"}[case.mla_step]
    told = {
        "requested_state": case.mla_state,
        key: case.mla_day,
        "reference": case.mla_reference,
        "profile": case.mla_profile,
    }
    return _filled(told)


def _request(entry: RequestEntry, notice_accepted_by: str) -> dict[str, Any]:
    told = {REQUEST_KEYS.get(name, name): getattr(entry, name) for name in RequestEntry.model_fields}
    told |= {
        "provider": choices.meant(entry.provider),
        "instrument": choices.meant(entry.instrument),
        "categories": list(dict.fromkeys(str(each) for each in entry.categories)),
        "urgency": str(entry.urgency),
        "notice_accepted_by": notice_accepted_by,
        "identifiers": [
            _filled(
                {ACCOUNT_KEYS.get(name, name): getattr(each, name) for name in AccountEntry.model_fields},
                keep={"value"},
            )
            for each in entry.accounts
        ],
    }
    return _filled(told, keep={"provider", "instrument", "categories", "identifiers", "confidential"})


def _filled(told: Mapping[str, Any], keep: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
    """Without what was left empty: a key that stands in a case file must say something."""
    return {key: value for key, value in told.items() if key in keep or value not in (None, "", [], ())}


def _parts(text: str) -> list[str]:
    return [part for each in re.split(r"[;\n]", text) if (part := each.strip())]


def told(problem: Problem) -> str:
    """A problem for the clerk: which field, what is wrong, what to write instead."""
    return f"{place(problem.where)}: {_in_form(problem.problem)}; {_in_form(problem.fix)}"


_STEP = re.compile(r"([a-z_]+)(?:\[(\d+)\])?")


def place(where: str) -> str:
    """A place in a case file as the form calls it: "Request 1, Account 2: Used from"."""
    path = where.removeprefix(FILE).lstrip(": ")
    keys = {value: name for name, value in CASE_KEYS.items()}
    keys |= {f"case.mla.{each}": "mla_day" for each in ("sent_on", "received_on")} | {"case.mla": "mla_day"}
    if path in keys:
        return f"Case: {CaseEntry.model_fields[keys[path]].title}"
    found = _STEP.findall(path)
    if not found or found[0][0] != "request":
        return "Case" if path.startswith("case") else "Requests"
    number = f"Request {int(found[0][1] or 0) + 1}"
    if len(found) > 1 and found[1][0] == "identifiers" and found[1][1]:
        number += f", Account {int(found[1][1]) + 1}"
        return _field(number, AccountEntry, ACCOUNT_KEYS, found[2][0] if len(found) > 2 else "")  # noqa: PLR2004
    return _field(number, RequestEntry, REQUEST_KEYS, found[1][0] if len(found) > 1 else "")


def _field(of: str, entry: type[BaseModel], keys: Mapping[str, str], key: str) -> str:
    name = {value: name for name, value in keys.items()}.get(key, key)
    known = entry.model_fields.get(name)
    return f"{of}: {known.title}" if known else of


_WORDS: Mapping[str, str] = {
    r'write snapshot_of = "(HF-[^"]+)"': r'write \1 into "New snapshot of"',
    r"snapshot_of": '"New snapshot of"',
    r'write urgency = "emergency"': 'choose emergency as "Urgency"',
    r"give \[case\.mla\] with requested_state": 'fill in "MLA request goes to"',
    r"give send_on for a plan, or sent_on or received_on for what happened": 'pick the "Day of the MLA request"',
    r"use send_on for a day that is planned": 'choose "planned" as what that day is',
    r"if the request was sent, write sent_on instead": "if the request was sent, choose that as what the day is",
    r"give from:": 'fill in "From":',
    r"\bmade_on\b": '"Day on the order"',
    r"give `from` and `to`": 'fill in "Used from" and "Used until"',
    r"give `from`": 'fill in "Used from"',
    r"^`value` ": "",
    r"give identifiers, or an identifiers_file with at least one row": "add an account",
    r"(did you mean|known here:) [^;]*; `holdfast (providers|instruments) list` shows all": "choose from the list",
    r" \(`holdfast (providers|instruments) list`\)": "",
}
"""What a case file calls a thing, and what the form does."""


def _in_form(text: str) -> str:
    text = _PLACE.sub(lambda found: place(found[0]), text)
    for words, here in _WORDS.items():
        text = re.sub(words, here, text)
    return text


_PLACE = re.compile(rf"\b{FILE}: (?:case|request)(?:\[\d+\]|\.[a-z_]+)*")
"""A place in a case file, within a sentence."""


_REFERENCE = re.compile(r"(?=.*[0-9])(?=.*[A-Z])[A-Z0-9][A-Z0-9./ -]{1,40}")
_COUNTRY = re.compile("[A-Z]{2}")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def harmless(given: Mapping[str, Any]) -> dict[str, Any]:
    """What may stand in a link that opens the form again, filled in: no account, no name, no facts.

    Anything may have been typed into any field, so only what has the form of such a thing is kept.
    """
    case, requests = given.get("case"), given.get("requests")
    case = case if isinstance(case, Mapping) else {}
    asked = [each for each in requests if isinstance(each, Mapping)] if isinstance(requests, list) else []
    typed = [account for each in asked for account in _accounts(each)]
    kept = _kept(
        case,
        {
            "reference": lambda text: (
                _REFERENCE.fullmatch(text) and not any(str(each.get("value", "-")) in text for each in typed)
            ),
            "country": _COUNTRY.fullmatch,
            "mla_state": _COUNTRY.fullmatch,
            "mla_day": _DAY.fullmatch,
            "mla_step": [str(each) for each in Step].__contains__,
            "mla_profile": choices.profiles().__contains__,
        },
    )
    return {"case": kept, "requests": [_harmless_request(each) for each in asked] or [{"accounts": [{}]}]}


def _harmless_request(given: Mapping[str, Any]) -> dict[str, Any]:
    kept = _kept(
        given,
        {
            "provider": choices.providers().__contains__,
            "instrument": choices.instruments().__contains__,
            "period_from": _is_instant,
            "period_to": _is_instant,
            "urgency": [str(each) for each in Urgency].__contains__,
            "made_on": _DAY.fullmatch,
        },
    )
    data = given.get("categories")
    if isinstance(data, list):
        kept["categories"] = [each for each in CATEGORIES if each in data]
    if isinstance(given.get("confidential"), bool):
        kept["confidential"] = given["confidential"]
    known = {"type": choices.types().__contains__}
    return kept | {"accounts": [_kept(each, known) for each in _accounts(given)] or [{}]}


def _is_instant(text: str) -> bool:
    """Whether it reads as an instant: then it says nothing else."""
    try:
        return bool(moment(text))
    except Unfit:
        return False


def _accounts(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = request.get("accounts")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _kept(given: Mapping[str, Any], fields: Mapping[str, Callable[[str], object]]) -> dict[str, Any]:
    """Of these fields, what is as it must be."""
    return {name: text for name, fits in fields.items() if isinstance(text := given.get(name), str) and fits(text)}


assert tuple(Data) == CATEGORIES  # noqa: S101 - the same words as in a case file
