"""Letters for tests: the shipped stationery, orders that say everything, and what a reader gets out of a PDF."""

from __future__ import annotations

import io
import re
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from provider_orders import MADE_AT, ROOT, order
from pypdf import PdfReader
from pypdfium2 import PdfDocument

from providers.interface import Action, Addressee, FollowUp, Item, Order
from providers.letters import Stationery, Typesetter, read_stationery
from providers.letters.stationery import File

FOLDER = ROOT / "config" / "letters"
LANGUAGES = ("ar", "de", "en", "es", "fr", "pt")
REFERENCE = "EN-2026-118842-lI10O"
LATER = {
    "references": (REFERENCE, "SECOND-2"),
    "sent_at": MADE_AT,
    "made_at": datetime(2027, 2, 10, 8, 30, tzinfo=UTC),
}
KINDS: dict[str, dict[str, Any]] = {
    "original": {},
    "new-snapshot": {"relation": "new-snapshot", "earlier": "HF-EARLIER", "earlier_references": ("OLD-7",)},
    "further-provider": {"relation": "further-provider", "earlier": "HF-EARLIER"},
    "extension": {
        **LATER,
        "action": Action.EXTEND,
        "held_until": date(2027, 2, 18),
        "hold_until": date(2027, 5, 19),
    },
    "release": {**LATER, "action": Action.RELEASE, "held_until": date(2027, 2, 18)},
    "announce": {
        **LATER,
        "action": Action.ANNOUNCE,
        "production_on": date(2027, 1, 3),
        "production_reference": "PR/2027/3",
    },
    "clarify": {**LATER, "action": Action.CLARIFY, "question": "Q-1", "answer": "The account of 3 May is meant."},
}
FAMILIES: dict[str, dict[str, Any]] = {
    "us.2703f": {"instrument": "us.18usc2703f"},
    "coe.29": {
        "instrument": "coe.budapest.29",
        "addressee": Addressee(name="24/7 contact point", service="Example Mail", state="US", network="budapest-35"),
        "partial_disclosure": True,
    },
    "eu.epocpr": {"instrument": "eu.epocpr", "validated_by": "Public prosecutor, Example City"},
    "generic": {"instrument": "jp.ccp197"},
}


def tables() -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The shipped tables, fresh: what stands in which letter, and the texts by language."""
    read = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.toml")}
    return read.pop("letters"), read


def made(
    shared: dict[str, Any], languages: dict[str, dict[str, Any]], structure: str = "", fonts: tuple[Path, ...] = ()
) -> Stationery:
    return read_stationery(
        File(table=shared, where="letters.toml"),
        {tag: File(table=table, where=f"{tag}.toml") for tag, table in languages.items()},
        structure=structure or (FOLDER / "letter.typ").read_text(encoding="utf-8"),
        folder=FOLDER,
        fonts=fonts or (FOLDER / "fonts",),
    )


@cache
def stationery() -> Stationery:
    return made(*tables())


def typesetter() -> Typesetter:
    return Typesetter(stationery())


def letter_order(family: str = "generic", kind: str = "original", language: str = "en", **changes: Any) -> Order:
    """An order in which every field says something that can be found again."""
    whole: dict[str, Any] = {
        "request": "HF-7K3M9Q2XW4T8",
        "addressee": Addressee(name="Example Networks Inc.", service="Example Mail", state="US"),
        "follow_up": FollowUp(requested_state="US", planned_on=date(2026, 12, 2), reference="MLA/77"),
        "necessity": "Connection records are deleted after ninety days.",
        "custodian": "Data centre at Exampletown",
        "items": (Item(id="i1", type="email", value="Il1O0@example.com"),),
    }
    said = order(**{**whole, **FAMILIES[family], **KINDS[kind], **changes})
    return replace(said, addressee=replace(said.addressee, language=language))


def pages(pdf: bytes) -> list[str]:
    """The text of each page, as a browser copies it (pdfium)."""
    return [page.get_textpage().get_text_range() for page in PdfDocument(pdf)]


def text_of(pdf: bytes) -> str:
    """The text of the whole letter without the marks of directions, on one line.

    Of an Arabic one also as pypdf reads it: each guesses differently at lines of both directions.
    """
    read = pages(pdf)
    if b"/Lang(ar" in pdf:
        read += [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    plain = re.sub("[\u2066-\u2069\u200b\u200e\u200f\ufffe]", "", " ".join(read))
    return re.sub(r"\s+", " ", plain).replace("\u00a0", " ")
