"""A link that opens the form of a run again, filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.runtime import deployment

from flows.pages.links import Links


def link(fields: Mapping[str, Any]) -> str:
    """The address of this run's own form with these fields filled in, for a page; "" where the run has no form."""
    return Links(deployments={"this": str(deployment.id)}).form("this", fields) if deployment.id else ""
