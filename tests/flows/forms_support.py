"""What the tests of the forms share: a form filled in as the UI sends it, carried out as a worker does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect_support import LiveUnit, PrefectServer

from flows.prefect_api import Errand, through_prefect


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How the run of a form ended: what its page shows."""

    run: str
    type: str
    message: str


def submitted(unit: LiveUnit, flow: Any, **parameters: Any) -> str:
    """The id of a run that the server keeps, with these values of a form. Nobody carries it out yet."""
    from flows.prefect_api import speaking_to

    async def create() -> str:
        from prefect.client.orchestration import get_client

        async with get_client() as client:
            return str((await client.create_flow_run(flow, parameters=parameters)).id)

    with speaking_to(unit.settings):
        return asyncio.run(create())


def carried_out(unit: LiveUnit, flow: Any, run: str) -> str:
    """What a worker does with such a run; gives its id."""

    async def start() -> Any:
        from prefect.client.orchestration import get_client
        from prefect.flow_engine import run_flow

        async with get_client() as client:
            there = await client.read_flow_run(run)  # type: ignore[arg-type]
        ended: Any = run_flow(flow, flow_run=there, parameters=there.parameters, return_type="state")
        return await ended

    how = through_prefect(unit.settings, Errand(settings=unit.settings), start)
    assert how.by == "prefect", how.because
    return run


def fill_in(unit: LiveUnit, prefect: PrefectServer, flow: Any, **parameters: Any) -> Ended:
    """Fill in a form and have it carried out."""
    run = carried_out(unit, flow, submitted(unit, flow, **parameters))
    state = prefect.run(run)["state"]
    return Ended(run=run, type=state["type"], message=state["message"] or "")


def typed_case(*providers: str, value: str = "canary.account@example.com", **changed: Any) -> dict[str, Any]:
    """The parameters of the form of a case, as the UI sends them: one request for each provider named."""
    today = datetime.now(UTC).date()
    case = {
        "reference": "CY-2026-0412",
        "unit": "Cybercrime Unit, Example Police",
        "country": "US",
        "offence": "Fraud",
        "provisions": "18 USC 1343",
        "facts": "Invoices were diverted.",
        "officer": "Duty officer",
        "badge": "EP-1042",
        "email": "duty.officer@police.example.com",
        "phone": "+1-555-0100",
        "mla_state": "US",
        "mla_day": str(today + timedelta(days=10)),
    }
    requests = [
        {
            "provider": f"{name} ({name})" if number else name,
            "instrument": "Preservation request under 18 U.S.C. § 2703(f) (us.18usc2703f)",
            "accounts": [{"type": "email", "value": f"{number}.{value}" if number else value}],
            "categories": ["subscriber", "traffic"],
            "period_from": f"{today - timedelta(days=60)}T00:00:00Z",
            "period_to": f"{today - timedelta(days=1)}T00:00:00Z",
        }
        for number, name in enumerate(providers)
    ]
    return {"case": case, "requests": requests, "by": "Contact team"} | changed


def registered_by_hand(unit: LiveUnit, run: str, typed: dict[str, Any]) -> tuple[str, ...]:
    """What a run of the form of a case did before a power cut: everything is registered, nothing scrubbed or sent."""
    from flows.casefile import check_case
    from flows.forms.case_form import CaseEntry, RequestEntry, document
    from flows.intake import judge, register

    entries = [RequestEntry(**each) for each in typed["requests"]]
    with unit.office() as office:
        now = office.now()
        read = check_case(document(CaseEntry(**typed["case"]), entries, notice_accepted_by=""), now=now)
        case, drafts, _ = judge(*read, office.catalogue, at=now)
        return register(office, case, drafts, run=run)
