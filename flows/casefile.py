"""Reads a case file: what an officer asks to be preserved, where, on which legal basis, and for which case.

Only what can be judged from the file itself is checked here: form, types, dates, identifiers. Whether the provider
and the instrument exist and accept this is judged later, against the catalogues. Every problem is told at once.
Described for officers in `docs/case-file.md`.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from flows.documents import Document, label, read_document
from flows.entries import KEYS as ENTRY
from flows.entries import Spot, Written, merge, read_identifier
from flows.fields import LONG, Fields
from flows.identifiers import CHECKS, Identifier
from flows.identifiers_file import read_identifiers_file
from flows.instants import Unfit, require_utc
from flows.lines import Place
from flows.problems import Problem, Problems

CATEGORIES = ("subscriber", "traffic", "content")
URGENCIES = ("expedited", "emergency")

ROOT = {
    "case": "a table [case] with the case",
    "request": "one [[request]] for each provider and legal basis",
}
CASE = {
    "reference": 'the unit\'s own number of the case, such as "CY-2026-0412"',
    "unit": "the requesting unit, as the provider is to see it",
    "country": 'the requesting State as two capital letters, such as "FR"',
    "offence": "a table with the title, the provisions and the facts of the offence",
    "officer": "a table with the name, badge, e-mail address and telephone of the officer",
    "mla": "a table with the planned or sent mutual legal assistance request",
}
OFFENCE = {
    "title": 'the offence in a few words, such as "Computer-related fraud"',
    "provisions": "a list of the provisions of law",
    "facts": "the facts in a few sentences, without more than the provider may know",
}
OFFICER = {
    "name": "the name of the officer whom the provider can call back",
    "badge": "the badge or service number by which the unit knows the officer",
    "email": "the official e-mail address",
    "phone": "a telephone number with + and the country code",
}
MLA = {
    "requested_state": 'the State that is asked, as two capital letters, such as "US"',
    "send_on": "the day on which the request is planned to be sent, such as 2026-12-01",
    "sent_on": "the day on which the request was sent",
    "received_on": "the day on which the requested State received it",
    "reference": "the reference of the request that was sent",
    "profile": 'how long answers take: a profile of config/mla.toml, such as "unodc"',
}
REQUEST = {
    "provider": 'the provider, as `holdfast providers` lists it, such as "sandbox-mail"',
    "instrument": 'the legal basis, as `holdfast instruments` lists it, such as "eu.epocpr"',
    "categories": f"a list of the data asked for, of {', '.join(CATEGORIES)}",
    "from": "the beginning of the period, such as 2026-09-01T00:00:00Z",
    "to": "the end of the period, not after now",
    "confidential": "true to ask the provider not to tell its user, as it is where this is left out, or false",
    "urgency": f"{' or '.join(URGENCIES)}",
    "identifiers": 'a list such as [ { type = "email", value = "…" } ]',
    "identifiers_file": "a CSV file with the columns type, value and perhaps from, to, zone, port, chain",
    "necessity": "why the data are needed and why they may be lost",
    "custodian": "who holds the data and where, if that is known",
    "validated_by": "the judge, court or prosecutor who validated the order, where the instrument wants it",
    "made_on": "the day on the order, such as 2026-11-20, where the law counts from the day it was made",
    "user_location": "the country of the user, as two capital letters",
    "language": 'the language of the letter as two small letters, such as "en"',
    "emergency_reason": "for an emergency: whose life or safety is in danger, and why at once",
    "snapshot_of": "the earlier request, HF-…, of which this one asks for a new snapshot",
    "follows": "the request, HF-…, whose answer named this further provider (Budapest Convention art. 30)",
    "partial_disclosure": "true to ask for the traffic data that name further providers (Budapest art. 30)",
    "notice_accepted_by": "the name of the person who accepted that the provider may tell its user",
    "unverified_accepted_by": "the name of the person who accepted to rely on figures that nobody has verified",
    "note": "anything else that colleagues should know",
}
_PLACES = tuple(
    ("case", *path)
    for path in (
        *((key,) for key in CASE),
        *((table, key) for table, keys in (("offence", OFFENCE), ("officer", OFFICER), ("mla", MLA)) for key in keys),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Offence:
    """What is investigated. `provisions` and `facts` may be empty; an instrument may demand them."""

    title: str
    provisions: tuple[str, ...]
    facts: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Officer:
    """Whom the provider can call back. `phone` has its country code."""

    name: str
    badge: str
    email: str
    phone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mla:
    """The mutual legal assistance request: planned (`send_on`), or sent, or received. Days; None where not given.

    Either `send_on` is given, or `sent_on`, `received_on` or both. `reference` is "" while there is none, `profile`
    "" where the unit's own default is meant.
    """

    requested_state: str
    send_on: date | None
    sent_on: date | None
    received_on: date | None
    reference: str
    profile: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestDraft:
    """One request as the officer wrote it, not yet checked against the catalogues.

    Instants are aware UTC; `period_to` None means all that exists when the request arrives. Texts that were left
    out are "". `identifiers` has at least one, none twice. `language` is ISO 639-1; `snapshot_of` and `follows` are
    ids of requests of ours (`HF-…`), at most one of them. `where` is its place in the file.
    """

    provider: str
    instrument: str
    categories: tuple[str, ...]
    period_from: datetime | None
    period_to: datetime | None
    confidential: bool
    urgency: str
    identifiers: tuple[Identifier, ...] = field(repr=False)
    necessity: str = field(repr=False)
    custodian: str = field(repr=False)
    validated_by: str
    made_on: date | None
    user_location: str
    language: str
    emergency_reason: str = field(repr=False)
    snapshot_of: str
    follows: str
    partial_disclosure: bool
    notice_accepted_by: str
    unverified_accepted_by: str
    note: str = field(repr=False)
    where: str
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def place(self, key: str) -> str:
        """Where a key of this request stands, or would stand, in the file."""
        return self.places.get(key, f"{self.where}.{key}")

    def __post_init__(self) -> None:
        require_utc("period_from", self.period_from)
        require_utc("period_to", self.period_to)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A case file without errors. `country` is the requesting State, ISO 3166-1 alpha-2; `where` the file."""

    reference: str
    unit: str
    country: str
    offence: Offence
    officer: Officer
    mla: Mla | None
    requests: tuple[RequestDraft, ...]
    where: str = ""
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def place(self, path: str) -> str:
        """Where a key such as "case.officer.email" stands, or would stand, in the file."""
        return self.places.get(path, f"{self.where}: {path}")


def read_case(path: Path, *, now: datetime, anyway: bool = False) -> tuple[Case | None, tuple[Problem, ...]]:
    """Read and check a case file, and the identifiers files it names.

    Args:
        path: the file; its ending says how it is written (.toml, .yaml, .yml, .json).
        now: an aware instant in UTC; nothing asked for may lie after it.
        anyway: give what could be read of the case despite errors, so that more can be told of it at once.

    Returns:
        The case, or None if there is any error (with `anyway`: if too little could be read); and every
        problem found, by file and line. Warnings come with a case: a person has to see them. Whatever is in
        the file, nothing is raised for it.
    """
    require_utc("now", now)
    reader = _Reader(path.parent, Problems(label(path)), now)
    return _judged(reader, read_document(path, reader.problems), anyway=anyway)


def check_case(document: Document, *, now: datetime) -> tuple[Case | None, tuple[Problem, ...]]:
    """The same for a case that stands in no file, such as a follow-up; `document.file` names it in messages."""
    require_utc("now", now)
    return _judged(_Reader(Path(), Problems(document.file), now), document, anyway=True)


def _judged(reader: _Reader, document: Document | None, *, anyway: bool) -> tuple[Case | None, tuple[Problem, ...]]:
    case = reader.case(document) if document else None
    files = [problems for _, problems in reader.files.values()]
    listed = tuple(problem for each in (reader.problems, *files) for problem in each.listed())
    errors = any(each.errors for each in (reader.problems, *files))
    return (None if errors and not anyway else case), listed


class _Reader:
    def __init__(self, folder: Path, problems: Problems, now: datetime) -> None:
        self.folder, self.problems, self.now = folder, problems, now
        self.files: dict[Path, tuple[tuple[Identifier, ...], Problems]] = {}

    def case(self, document: Document) -> Case | None:
        if not document.root:
            fix = "compare with the example in docs/case-file.md"
            self.problems.add(Problem(where=document.file, problem="is empty", fix=fix))
            return None
        root = Fields(document, (), ROOT, self.problems)
        if not root.is_table:
            return None
        case = root.table("case", CASE, required=True)
        places = root.entries("request")
        if not places and (not root.has("request") or root.values["request"] == []):
            root.wrong("request", "is missing", f"give {ROOT['request']}")
        drafts = [self._request(Fields(document, place, REQUEST, self.problems)) for place in places]
        requests = tuple(draft for draft in drafts if draft)
        if case is None:
            return None
        read = {key: case.text(key, required=True) for key in ("reference", "unit")}
        country = case.country("country", required=True)
        offence, officer, mla = self._offence(case), self._officer(case), self._mla(case)
        if offence is None or officer is None:
            return None
        return Case(
            **read,
            country=country,
            offence=offence,
            officer=officer,
            mla=mla,
            requests=requests,
            where=document.file,
            places={".".join(place): document.where(place) for place in _PLACES},
        )

    def _offence(self, case: Fields) -> Offence | None:
        table = case.table("offence", OFFENCE, required=True)
        if table is None:
            return None
        return Offence(
            title=table.text("title", required=True),
            provisions=table.texts("provisions"),
            facts=table.text("facts", longest=LONG),
        )

    def _officer(self, case: Fields) -> Officer | None:
        table = case.table("officer", OFFICER, required=True)
        if table is None:
            return None
        read = {key: table.text(key, required=True) for key in OFFICER}
        for key in ("email", "phone"):  # the provider writes and calls back there
            if read[key]:
                for flaw in CHECKS[key](Identifier(type=key, value=read[key])):
                    table.wrong(key, *flaw)
        return Officer(**read)

    def _mla(self, case: Fields) -> Mla | None:
        table = case.table("mla", MLA)
        if table is None:
            return None
        days = {key: table.day(key) for key in ("send_on", "sent_on", "received_on")}
        mla = Mla(
            requested_state=table.country("requested_state", required=True),
            **days,
            reference=table.text("reference"),
            profile=table.text("profile"),
        )
        happened = [key for key in ("sent_on", "received_on") if table.has(key)]
        if not any(map(table.has, days)):
            fix = "give send_on for a plan, or sent_on or received_on for what happened"
            table.wrong((), "does not say when", fix)
        if happened and table.has("send_on"):
            table.wrong(
                "send_on", f"is a plan beside {' and '.join(happened)}", "remove send_on: the request was sent"
            )
        if mla.sent_on and mla.received_on and mla.received_on < mla.sent_on:
            table.wrong("received_on", "is before sent_on", "check both days")
        # A day is past or to come only if it is so everywhere: local days run from UTC-12 to UTC+14.
        earliest, latest = ((self.now + timedelta(hours=hours)).date() for hours in (-12, 14))
        for key in happened:
            day = days[key]
            if day and day > latest:
                table.wrong(key, "lies in the future", "use send_on for a day that is planned")
        if mla.send_on and mla.send_on < earliest:
            fix = "if the request was sent, write sent_on instead; if not, plan a new day"
            table.wrong("send_on", "is past", fix, "warning")
        if happened and not table.has("reference"):
            fix = "give the reference: providers ask for proof of the request"
            table.wrong((), f"{happened[-1]} without a reference", fix, "warning")
        return mla

    def _request(self, table: Fields) -> RequestDraft | None:
        if not table.is_table:
            return None
        period_from, period_to = table.instant("from"), table.instant("to")
        if not table.has("from"):
            fix = "give from: providers refuse requests that are too broad"
            table.wrong((), "the period has no beginning", fix, "warning", "period")
        if period_from and period_to and period_to <= period_from:
            table.wrong("to", "the period ends at or before its beginning", "check from and to")
        if table.has("snapshot_of") and table.has("follows"):
            fix = "keep snapshot_of for the same account again, or follows for what an answer named"
            table.wrong("follows", "stands beside snapshot_of", fix)
        for key, instant in (("from", period_from), ("to", period_to)):
            if instant and instant > self.now:
                fix = "only data that exist can be preserved: write a moment that has passed"
                fix += ", or leave it out for all that exists when the request arrives" if key == "to" else ""
                table.wrong(key, "lies in the future", fix, kind="future")
        return RequestDraft(
            provider=table.text("provider", required=True),
            instrument=table.text("instrument", required=True),
            categories=table.words("categories", CATEGORIES),
            period_from=period_from,
            period_to=period_to,
            confidential=table.flag("confidential", default=True),
            urgency=table.word("urgency", URGENCIES, URGENCIES[0]),
            identifiers=self._identifiers(table),
            necessity=table.text("necessity", longest=LONG),
            custodian=table.text("custodian", longest=LONG),
            validated_by=table.text("validated_by"),
            made_on=table.day("made_on"),
            user_location=table.country("user_location"),
            language=table.language("language"),
            emergency_reason=table.text("emergency_reason", longest=LONG),
            snapshot_of=table.request_id("snapshot_of"),
            follows=table.request_id("follows"),
            partial_disclosure=table.flag("partial_disclosure", default=False),
            notice_accepted_by=table.text("notice_accepted_by"),
            unverified_accepted_by=table.text("unverified_accepted_by"),
            note=table.text("note", longest=LONG),
            where=table.where(),
            places={key: table.where(key) for key in REQUEST if table.has(key)},
        )

    def _identifiers(self, table: Fields) -> tuple[Identifier, ...]:
        before = self.problems.errors
        places = table.entries("identifiers")
        read = (self._identifier(table.document, place) for place in places)
        identifiers = merge(filter(None, read), self.problems)
        told = self.problems.errors - before
        if table.has("identifiers_file"):
            more, problems = self._file(table)
            identifiers = merge((*identifiers, *more), problems) if identifiers else more
            told += problems.errors
        if not identifiers and not told:
            table.wrong((), "names no identifier", "give identifiers, or an identifiers_file with at least one row")
        return identifiers

    def _identifier(self, document: Document, place: Place) -> Identifier | None:
        table = Fields(document, place, ENTRY, self.problems)
        if not table.is_table or (table.values and not any(key in ENTRY for key in table.values)):
            return None  # told of already
        spot = Spot(where=table.where(), key=table.where)
        return read_identifier(Written(*map(table.values.get, ENTRY)), spot, now=self.now, problems=self.problems)

    def _file(self, table: Fields) -> tuple[tuple[Identifier, ...], Problems]:
        """The identifiers of the file that a request names; a file that several name is read once."""
        name = table.text("identifiers_file", required=True)
        nothing: tuple[tuple[Identifier, ...], Problems] = ((), self.problems)
        if not name:
            return nothing
        if Path(os.path.normpath(name)).parts[:1] == ("..",):
            fix = "put it beside the case file, or give its whole path from the root"
            table.wrong("identifiers_file", "leads out of the folder of the case file", fix)
            return nothing
        path = self.folder / name
        if path not in self.files:
            problems = Problems(label(path))
            try:
                identifiers = read_identifiers_file(path, now=self.now, problems=problems)
            except Unfit as unfit:
                table.wrong("identifiers_file", unfit.problem, unfit.fix)
                return nothing
            self.files[path] = merge(identifiers, problems), problems
        return self.files[path]
