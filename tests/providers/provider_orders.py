"""What the provider tests say: orders with an identifier that must turn up nowhere, and a few ways to look."""

from __future__ import annotations

import tomllib
import traceback
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from providers.interface import Action, Item, Officer, Order

CANARY = "canary.7f3a@example.com"
ROOT = Path(__file__).parents[2]
MADE_AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def order(action: Action = Action.SEND, number: int | str = 1, **changes: Any) -> Order:
    """An order about one account (unless `items` says otherwise); `number` makes it another request."""
    sequence = changes.get("sequence", 1)
    return Order(
        **{
            "request": f"HF-{number}",
            "action": action,
            "sequence": sequence,
            "key": f"key-{number}-{action}-{sequence}",
            "made_at": MADE_AT,
            "instrument": "us.18usc2703f",
            "legal_basis": "18 U.S.C. 2703(f)",
            "case_reference": "CY-2026-0412",
            "unit": "Cybercrime Unit, Example Police",
            "country": "FR",
            "officer": Officer(name="Duty officer", badge="1", email="duty@example.com", phone="+1-555-0100"),
            "offence_title": "Unauthorised access",
            "offence_provisions": ("art. 323-1",),
            "offence_facts": "An account was taken over.",
            "items": (item(),),
            "categories": ("subscriber", "content"),
            "period_from": datetime(2026, 9, 1, tzinfo=UTC),
            "period_to": datetime(2026, 11, 20, tzinfo=UTC),
            **changes,
        }
    )


def item(id: str = "item-1", value: str = CANARY, type: str = "email") -> Item:  # noqa: A002
    return Item(id=id, type=type, value=value)


def extension(references: tuple[str, ...], until: date, number: int | str = 1, **changes: Any) -> Order:
    return order(Action.EXTEND, number, references=references, hold_until=until, because="MLA pending", **changes)


def sandbox_table() -> dict[str, Any]:
    """The shipped `[adapter]` table of the sandbox."""
    file = ROOT / "config" / "providers" / "sandbox.toml"
    table: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))["adapter"]
    return table


def everything_said(error: BaseException) -> str:
    """An error as logs, debuggers and run records show it: text, repr, attributes and the whole traceback."""
    shown = [repr(error), str(error), repr(vars(error)), *traceback.format_exception(error)]
    chained = error.__cause__ or error.__context__
    return "\n".join(shown) + (everything_said(chained) if chained else "")
