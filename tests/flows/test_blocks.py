"""Credentials of a provider in a block of Prefect: the environment comes first, and nothing else is set by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from prefect_support import Cable, LiveUnit, PrefectServer, places_of, reply, server

from flows import credentials
from flows.blocks import HoldfastProviderCredentials, register
from flows.credentials import variables, with_credentials
from flows.prefect_api import speaking_to
from flows.sweeping import work_on
from providers.errors import ConfigurationError

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("on a clock")]

SECRET = "s3cret-of-nobody"
TABLE = {"kind": "rest", "auth": {"type": "bearer", "token_env": "ALPHA_TOKEN"}}


@pytest.fixture
def unit(tmp_path: Path, prefect: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveUnit]:
    monkeypatch.setattr(credentials, "ANSWER_WITHIN", 20)  # a server on a busy machine is not away
    credentials._AWAY.clear()
    unit = LiveUnit(tmp_path, prefect.api)
    with speaking_to(unit.settings):
        register()
        register()
    yield unit
    unit.environ["PREFECT_API_URL"] = prefect.api
    with speaking_to(unit.settings), suppress(ValueError):  # not every test makes it
        HoldfastProviderCredentials.delete("alpha")


def block(unit: LiveUnit, **values: Any) -> None:
    """Make the block, as a person does on Prefect's page."""
    given = {"provider": "alpha", "variable": "ALPHA_TOKEN", "secret": SECRET} | values
    with speaking_to(unit.settings):
        HoldfastProviderCredentials(**given).save("alpha", overwrite=True)


def test_a_block_gives_what_the_environment_lacks(unit: LiveUnit) -> None:
    block(unit)
    found = with_credentials(unit.settings, "alpha", TABLE)
    assert found.environ["ALPHA_TOKEN"] == SECRET
    assert SECRET not in repr(found)


def test_the_environment_comes_first(unit: LiveUnit) -> None:
    block(unit)
    unit.environ["ALPHA_TOKEN"] = "of the environment"
    assert with_credentials(unit.settings, "alpha", TABLE).environ["ALPHA_TOKEN"] == "of the environment"


def test_a_block_is_for_its_own_provider_and_for_nothing_that_the_table_does_not_name(unit: LiveUnit) -> None:
    block(unit)
    assert "ALPHA_TOKEN" not in with_credentials(unit.settings, "beta", TABLE).environ
    block(unit, variable="HOLDFAST_SMTP")
    found = with_credentials(unit.settings, "alpha", TABLE).environ
    assert "HOLDFAST_SMTP" not in found
    assert "ALPHA_TOKEN" not in found
    assert variables({"kind": "rest", "base_url": "env:ALPHA_URL"}) == ()


def test_a_watch_goes_on_with_what_it_read_when_prefect_is_away(unit: LiveUnit, prefect: PrefectServer) -> None:
    block(unit)
    cable = Cable(prefect.api)
    unit.environ["PREFECT_API_URL"] = cable.address
    assert with_credentials(unit.settings, "alpha", TABLE).environ["ALPHA_TOKEN"] == SECRET
    cable.cut()
    assert with_credentials(unit.settings, "alpha", TABLE).environ["ALPHA_TOKEN"] == SECRET


def test_where_nothing_is_lacking_or_no_prefect_is_set_up_nobody_is_asked(unit: LiveUnit) -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        asked.append(handler.path)
        reply(handler, 500, b"{}")

    with server(answer) as address:
        unit.environ |= {"PREFECT_API_URL": f"{address}/api", "ALPHA_TOKEN": "of the environment"}
        settings = unit.settings
        assert with_credentials(settings, "alpha", TABLE) is settings
        assert with_credentials(settings, "alpha", {"kind": "memory"}) is settings
        unit.environ |= {"PREFECT_API_URL": "", "ALPHA_TOKEN": ""}
        assert with_credentials(unit.settings, "alpha", TABLE).environ["ALPHA_TOKEN"] == ""
        assert asked == []
        unit.environ["PREFECT_API_URL"] = f"{address}/api"
        for _ in range(3):
            assert with_credentials(unit.settings, "alpha", TABLE).environ["ALPHA_TOKEN"] == ""
    assert len(asked) == 1, "a Prefect in trouble is left alone for a while"


def test_a_changed_block_is_heeded_at_once_and_a_deleted_one_is_forgotten(unit: LiveUnit) -> None:
    block(unit)
    assert with_credentials(unit.settings, "alpha", TABLE).environ["ALPHA_TOKEN"] == SECRET
    block(unit, secret="another")
    assert with_credentials(unit.settings, "alpha", TABLE).environ["ALPHA_TOKEN"] == "another"
    block(unit, variable="OTHER")
    assert "ALPHA_TOKEN" not in with_credentials(unit.settings, "alpha", TABLE).environ


def test_a_request_is_sent_with_it_and_it_stands_in_no_file_of_ours(unit: LiveUnit, tmp_path: Path) -> None:
    block(unit)
    seen: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        seen.append(handler.headers.get("Authorization"))
        reply(handler, 503, b"{}")

    with server(answer) as address:
        unit.provider("alpha", address)
        path = unit.folder / "config" / "providers" / "alpha.toml"
        path.write_text(path.read_text() + '\n[adapter.auth]\ntype = "bearer"\ntoken_env = "ALPHA_TOKEN"\n')
        (request,) = unit.register("alpha")
        with unit.office() as office:
            office.sleep = lambda _: None
            work_on(office, [request])
    assert set(seen) == {f"Bearer {SECRET}"}
    assert places_of(SECRET, [tmp_path]) == []


def test_a_secret_that_is_nowhere_is_told_with_both_ways(unit: LiveUnit) -> None:
    block(unit, provider="beta")
    unit.provider("alpha", "http://127.0.0.1:1")
    path = unit.folder / "config" / "providers" / "alpha.toml"
    path.write_text(path.read_text() + '\n[adapter.auth]\ntype = "bearer"\ntoken_env = "ALPHA_TOKEN"\n')
    (request,) = unit.register("alpha")
    with unit.office() as office:
        hold = office.hold(request)
        (route,) = office.routes(hold, "alpha")
        with pytest.raises(ConfigurationError, match=r"ALPHA_TOKEN is not set; set it, or have a block in Prefect"):
            office.adapter(route)


def test_prefect_shows_the_block_without_its_secret_unless_it_is_asked_for_it(
    unit: LiveUnit, prefect: PrefectServer
) -> None:
    block(unit)
    asked = {"block_types": {"slug": {"any_": ["holdfast-provider-credentials"]}}}
    (plain,) = prefect.ask("/block_documents/filter", asked)
    assert plain["data"] == {"provider": "alpha", "variable": "ALPHA_TOKEN", "secret": "********"}
    (open_,) = prefect.ask("/block_documents/filter", asked | {"include_secrets": True})
    assert open_["data"]["secret"] == SECRET, "the guide says so"
    assert places_of(SECRET, [prefect.home]) == [], "encrypted in its database"
