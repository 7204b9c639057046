"""The steps of a plan that a person takes, in words."""

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
