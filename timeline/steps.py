"""The steps of a plan that a person takes, and the matters that a person is told of, in words."""

from __future__ import annotations

from collections.abc import Mapping

STEPS: Mapping[str, str] = {
    "send": "send the request",
    "extend": "send the extension",
    "file-mla": "file the MLA request",
    "announce-production": "announce the production to the provider",
    "file-petition": "file the petition at the court",
    "request-access": "make the access request",
    "ask-court": "ask the court for the extension",
    "apply-for-order": "apply for a preservation order",
    "answer-clarification": "answer the clarification",
}
"""Step of a plan to what a person does."""

BY_HAND = "no machine can send it"
"""How it begins to be told that a person must send a request."""

_STAGES = frozenset({"last-hours", "missed", "too-late"})


def about(text: str) -> str:
    """What an escalation is about, without its number or day: ``validation:missed`` is "validation, missed"."""
    kind, *parts = text.split(":")
    return ", ".join([kind, *(part for part in parts if part in _STAGES)]).replace("-", " ")
