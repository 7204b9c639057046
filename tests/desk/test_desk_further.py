"""`holdfast follow`: a further provider that an answer named becomes a request of its own, in one step."""

from __future__ import annotations

import tomllib
from typing import Any

from desk_support import CANARY, REACHES, Unit

from ledger.ids import new_request_id

ADDRESS = "192.0.2.77:51820"
ROWS = f"type,value,from,to\nip,{ADDRESS},2026-10-01T10:00:00Z,2026-10-01T10:00:05Z\n"
FIRST: dict[str, Any] = {"provider": "byhand", "necessity": "Logs are kept for 30 days."}


def first(unit: Unit, **changes: Any) -> str:
    (request,) = unit.preserve(FIRST | changes, mla=REACHES)
    return request


def named(unit: Unit) -> str:
    """A file with what the answer named."""
    path = unit.folder / "named.csv"
    path.write_text(ROWS)
    return str(path)


def test_one_step_sends_a_request_to_the_provider_that_was_named(unit: Unit) -> None:
    request = first(unit)
    result = unit("follow", request, "--provider", "sandbox", "--identifiers-file", named(unit), "--yes", "--json")
    assert result.exit_code == 0, result.stderr
    (child,) = [each for each in unit.json("board") if each["request"] != request]
    assert (child["provider"], child["case"], child["state"]) == ("sandbox", "CY-2026-0412", "in-force")
    shown = unit.json("show", child["request"])
    assert [each["type"] for each in shown["items"]] == ["ip"]


def test_each_record_names_the_other(unit: Unit) -> None:
    request = first(unit)
    unit("follow", request, "--provider", "maytell", "--identifiers-file", named(unit), "--yes")
    (child,) = [each["request"] for each in unit.json("board") if each["request"] != request]
    assert f"Followed by {child} (a further provider was named)." in " ".join(unit("show", request).stdout.split())
    packet = unit("packet", child)
    assert packet.exit_code == 0, packet.stderr
    folder = unit.folder / "home" / "packets" / f"{child}-send-1"
    assert ADDRESS in (folder / "identifiers.txt").read_text()
    assert CANARY not in (folder / "identifiers.txt").read_text()


def test_standard_input_keeps_the_identifiers_out_of_the_shells_history(unit: Unit) -> None:
    words = ("--provider", "sandbox", "--identifiers-file", "-", "--yes")
    result = unit("follow", first(unit), *words, input=ROWS)
    assert result.exit_code == 0, result.stderr
    assert ADDRESS not in result.stdout + result.stderr


def test_a_case_file_can_be_looked_at_first_and_has_the_first_requests_facts(unit: Unit) -> None:
    request, output = first(unit), unit.folder / "follow.toml"
    words = ("--provider", "sandbox", "--identifiers-file", named(unit), "-o", str(output))
    result = unit("follow", request, *words)
    assert result.exit_code == 0, result.stderr
    assert oct(output.stat().st_mode & 0o777) == "0o600"
    written = tomllib.loads(output.read_text())
    (asked,) = written["request"]
    assert written["case"]["offence"]["facts"] == "Invoices were diverted."
    assert written["case"]["mla"]["reference"] == "MLA/1"
    assert (asked["provider"], asked["follows"], asked["instrument"]) == ("sandbox", request, "us.18usc2703f")
    assert asked["necessity"] == "Logs are kept for 30 days."
    assert [each["value"] for each in asked["identifiers"]] == [ADDRESS]
    assert len(unit.json("board")) == 1
    sent = unit("preserve", str(output), "--yes")
    assert sent.exit_code == 0, sent.stderr
    assert len(unit.json("board")) == 2


def test_a_case_file_is_never_written_over(unit: Unit) -> None:
    request, output = first(unit), unit.folder / "follow.toml"
    output.write_text("mine")
    words = ("follow", request, "--provider", "sandbox", "--identifiers-file", named(unit))
    result = unit(*words, "-o", str(output))
    assert (result.exit_code, output.read_text()) == (2, "mine")
    assert "is there already: nothing was written" in result.stderr
    assert "name it .toml" in unit(*words, "--output", str(unit.folder / "follow.txt")).stderr


def test_another_state_needs_the_day_of_its_mla_request(unit: Unit) -> None:
    request, output = first(unit), unit.folder / "follow.toml"
    words = ("follow", request, "--state", "ie", "--identifiers-file", named(unit), "-o", str(output))
    refused = unit(*words)
    assert refused.exit_code == 2
    assert "--mla-on 2026-12-20" in refused.stderr
    assert not output.exists()
    assert unit(*words, "--mla-on", "2026-12-20").exit_code == 0
    mla = tomllib.loads(output.read_text())["case"]["mla"]
    assert mla["requested_state"] == "IE"
    assert mla["send_on"].isoformat() == "2026-12-20"
    assert "reference" not in mla


def test_the_day_on_a_new_order_is_given_with_it(unit: Unit) -> None:
    request, output = first(unit), unit.folder / "follow.toml"
    words = ("--provider", "sandbox", "--instrument", "ca.487.013", "--identifiers-file", named(unit))
    refused = unit("follow", request, *words, "--yes")
    assert refused.exit_code == 2
    assert "made_on: the day on the order; its 90 days run from it" in " ".join(refused.stderr.split())
    assert unit("follow", request, *words, "--made-on", "2026-11-12", "-o", str(output)).exit_code == 0
    (written,) = tomllib.loads(output.read_text())["request"]
    assert written["made_on"].isoformat() == "2026-11-12"


def test_another_legal_basis_period_and_category_may_be_given(unit: Unit) -> None:
    request, output = first(unit), unit.folder / "follow.toml"
    asked = ("--instrument", "coe.budapest.29", "--category", "traffic", "--from", "2026-09-30T00:00:00Z")
    words = ("--provider", "sandbox", "--identifiers-file", named(unit), "--to", "2026-10-02T00:00:00Z")
    result = unit("follow", request, *words, *asked, "-o", str(output))
    assert result.exit_code == 0, result.stderr
    (written,) = tomllib.loads(output.read_text())["request"]
    assert (written["instrument"], written["categories"]) == ("coe.budapest.29", ["traffic"])
    assert [written[key].isoformat()[:10] for key in ("from", "to")] == ["2026-09-30", "2026-10-02"]


def test_what_is_missing_or_wrong_is_told_and_nothing_is_registered(unit: Unit) -> None:
    request, named_file = first(unit), named(unit)
    wrong = {
        ("--identifiers-file", named_file): "say whom the answer named: --provider ID, --state XX, or both",
        ("--provider", "sandbox"): "say what to preserve there: --identifiers-file FILE",
        ("--provider", "nobody", "--identifiers-file", named_file): "no such provider is in the catalogue",
        ("--provider", "sandbox", "--identifiers-file", "missing.csv"): "there is no such file",
        ("--provider", "sandbox", "--identifier", "ip"): "--identifier number 1: expected TYPE=VALUE",
        ("--provider", "sandbox", "--identifier", "ip=192.0.2.7"): "the ip has no time",
    }
    for words, told in wrong.items():
        result = unit("follow", request, *words, "--yes")
        assert (result.exit_code, result.stdout) == (2, ""), words
        assert told in result.stderr, words
    assert [each["request"] for each in unit.json("board")] == [request]


def test_an_identifier_in_an_error_is_never_quoted(unit: Unit) -> None:
    rows = f"type,value\nemail,{CANARY} and more\nphone,{CANARY}\n"
    words = ("--provider", "sandbox", "--identifiers-file", "-", "--yes")
    result = unit("follow", first(unit), *words, input=rows)
    assert result.exit_code == 2
    assert "standard input: line 2" in result.stderr
    assert CANARY not in result.stdout + result.stderr


def test_a_request_that_is_not_there_cannot_be_followed(unit: Unit) -> None:
    first(unit)
    missing = new_request_id()
    result = unit("follow", missing, "--provider", "sandbox", "--identifiers-file", named(unit))
    assert result.exit_code == 2
    assert f"there is no request {missing}" in result.stderr
