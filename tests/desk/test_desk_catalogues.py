"""The catalogues at the command line: every figure with where it stands and how old it is."""

from __future__ import annotations

import pytest
from desk_support import Unit

from flows import catalogue


def test_every_provider_and_instrument_is_listed(unit: Unit) -> None:
    known = catalogue.load()
    for kind, ids in (("providers", known.providers), ("instruments", known.instruments)):
        rows = unit.json(kind, "list")
        assert set(ids) <= {row["id"] for row in rows}
        assert all({"figures", "unverified", "oldest_read_on"} <= set(row) for row in rows)
        listed = unit(kind).stdout
        assert listed == unit(kind, "list").stdout
        assert all(id_ in listed for id_ in ids)


def test_the_rows_have_what_a_plan_counts_on(unit: Unit) -> None:
    rows = {row["id"]: row for row in unit.json("instruments", "list")}
    assert rows["us.18usc2703f"]["first"] == "90 days"
    assert rows["us.18usc2703f"]["extensions"] == [{"count": 1, "period": "90 days", "decided_by": "issuer"}]
    assert rows["eu.epocpr"]["stop_events"] == ["production-announced"]
    assert rows["un.uncc.42"]["can_be_sent"] is False


@pytest.mark.parametrize(("kind", "id_"), [("providers", "snap"), ("instruments", "eu.epocpr")])
def test_every_figure_is_shown_with_source_age_and_confidence(unit: Unit, kind: str, id_: str) -> None:
    record = unit.json(kind, "show", id_)
    assert set(record) - {"unknown"} == {"id", "facts", "notes", "figures"}
    known = catalogue.load()
    raw = getattr(known, f"raw_{kind[:-1]}")(id_)
    assert [each["place"] for each in record["figures"]] == [each.place for each in catalogue.figures(raw)]
    for figure in record["figures"]:
        assert set(figure) == {"place", "values", "source", "read_on", "age_days", "confidence", "verified"}
        assert figure["source"]
    text = " ".join(unit(kind, "show", id_).stdout.split())
    for figure in record["figures"]:
        assert figure["source"] in text
        assert f"{figure['place']} " in text


def test_what_is_not_known_is_wrong_input(unit: Unit) -> None:
    for kind in ("providers", "instruments"):
        result = unit(kind, "show", "snapp")
        assert result.exit_code == 2
        assert f"holdfast {kind} list" in result.stderr
    assert 'did you mean "snap"?' in unit("providers", "show", "snapp").stderr
