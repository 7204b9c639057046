"""Where an adapter's secret comes from: the environment, else a block in Prefect that stands for it.

A block of the type Holdfast Provider Credentials belongs to one provider, and stands for one variable that this
provider's `[adapter.auth]` names: nothing else of Holdfast can be set by it, whoever may edit it. What was read
last is remembered in memory, so that a watch goes on when Prefect is away; it is written nowhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flows.prefect_api import ANSWER_WITHIN
from flows.settings import Settings

SLUG = "holdfast-provider-credentials"
"""How Prefect calls the type."""

AGAIN = 30.0
"""Seconds until a Prefect that did not answer is asked again: many providers must not wait for it in turn."""

Values = Mapping[str, Mapping[str, str]]

_LOCK = threading.Lock()
_KNOWN: dict[str, Values] = {}
_AWAY: dict[str, float] = {}


def with_credentials(settings: Settings, provider: str, table: Mapping[str, Any]) -> Settings:
    """The settings with what an adapter's table asks for and the environment lacks, as far as a block has it.

    Where nothing is lacking, or no Prefect is set up, nobody is asked. Else it costs one question, a second at most.

    Args:
        settings: the environment: what stands there comes first.
        provider: its id: only its own blocks are looked at.
        table: its `[adapter]` table.
    """
    lacking = [name for name in variables(table) if not settings.environ.get(name)]
    if not lacking or not settings.prefect_api:
        return settings
    values = _blocks(settings).get(provider, {})
    found = {name: values[name] for name in lacking if values.get(name)}
    return replace(settings, environ={**settings.environ, **found}) if found else settings


def variables(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The environment variables that an `[adapter]` table names for its secrets."""
    auth = table.get("auth")
    named = auth.items() if isinstance(auth, Mapping) else ()
    return tuple(value for key, value in named if key.endswith("_env") and isinstance(value, str))


def _blocks(settings: Settings) -> Values:
    """The values of every block, by provider: as Prefect has them now, else as they were when it last answered."""
    api = settings.prefect_api
    found = _read(settings) if time.monotonic() >= _AWAY.get(api, 0.0) else None
    with _LOCK:
        if found is not None:
            _KNOWN[api] = found
        elif time.monotonic() >= _AWAY.get(api, 0.0):
            _AWAY[api] = time.monotonic() + AGAIN
        return _KNOWN.get(api, {})


def _read(settings: Settings) -> Values | None:
    """Ask Prefect; None where it does not answer."""
    import requests  # only where there is something to ask

    name, colon, password = settings.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    try:
        answer = requests.get(
            f"{settings.prefect_api}/block_types/slug/{SLUG}/block_documents",
            params={"include_secrets": "true"},
            timeout=ANSWER_WITHIN,
            allow_redirects=False,
            auth=(name, password) if colon else None,
        )
        documents = answer.json() if answer.status_code == requests.codes.ok else None
    except (requests.RequestException, ValueError):
        return None
    if answer.status_code == requests.codes.not_found:
        return {}  # the type was never registered there
    return _values(documents) if isinstance(documents, list) else None


def _values(documents: list[Any]) -> Values:
    values: dict[str, dict[str, str]] = {}
    for document in documents:
        data = document.get("data", {}) if isinstance(document, Mapping) else {}
        provider, variable, secret = (data.get(name) for name in ("provider", "variable", "secret"))
        if isinstance(provider, str) and isinstance(variable, str) and isinstance(secret, str):
            values.setdefault(provider, {})[variable] = secret
    return values
