"""The `[adapter]` table of a TS 103 120 provider: every mistake is told at once, with its place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hi1_bench import hi1_table
from provider_orders import ROOT

from providers.errors import ConfigurationError
from providers.interface import Action, Capabilities
from providers.registry import capabilities_of, check_adapter_table, make_adapter
from providers.sandbox.certificates import throwaway
from providers.ts103120.profile import E_EVIDENCE, PROFILES, WORDS, Word
from providers.ts103120.table import ENDPOINTS, KEYS, opened, read_hi1_table

GUIDE = (ROOT / "docs" / "ts103120.md").read_text(encoding="utf-8")
WRONG = """
kind = "ts103120"
url = "http://desk.example.com/hi1"
sender = { country = "France", identifier = "" }
etsi_version = "1.23.1"
profile = "e-evidance"
profile_owner = 7
client_key = "env:not a name"
signing_key = "/keys/sign.key"
channel = "HI1!"
answer_limit = 12
documents = ["send", "status"]
sign = "yes"
endpoints = { new = "new", moved = "/x" }
formats = { username = "Handle" }
timeout = { read = 9000 }
words = { legal_type = "EPOCPR", document_send = 7, form = "a/b/c" }
verify = false
"""


def problems(**changes: Any) -> list[str]:
    return check_adapter_table(hi1_table(**changes), "x.toml")


def test_a_right_table_is_right() -> None:
    assert problems() == []
    assert problems(profile="e-evidence", sign=True, url="https://desk.example.com/hi1") == []


def test_every_mistake_is_told_at_once_with_its_place() -> None:
    told = check_adapter_table(tomllib.loads(WRONG), "x.toml")
    places = sorted({re.split(r": ", each, maxsplit=2)[1] for each in told})
    assert places == sorted(
        {
            "adapter.answer_limit",
            "adapter.channel",
            "adapter.client_certificate",
            "adapter.client_key",
            "adapter.documents",
            "adapter.endpoints.moved",
            "adapter.endpoints.new",
            "adapter.etsi_version",
            "adapter.formats.username",
            "adapter.profile",
            "adapter.profile_owner",
            "adapter.profile_version",
            "adapter.receiver",
            "adapter.sender.country",
            "adapter.sender.identifier",
            "adapter.sign",
            "adapter.signing_key",
            "adapter.timeout.read",
            "adapter.url",
            "adapter.verify",
            "adapter.words.document_send",
            "adapter.words.form",
            "adapter.words.legal_type",
        }
    )
    assert all(each.startswith("x.toml: adapter.") for each in told)
    assert 'x.toml: adapter.profile: unknown word "e-evidance"; did you mean "e-evidence"?' in told
    assert any("spoken over TLS alone" in each for each in told)


@pytest.mark.parametrize("url", ["desk.example.com", "env:1X", "https://user:secret@desk.example.com/", "ftp://x/"])
def test_an_address_that_is_none_is_not_taken_and_a_password_in_it_not_quoted(url: str) -> None:
    told = problems(url=url)
    assert [each.split(": ")[1] for each in told] == ["adapter.url"]
    assert "secret" not in told[0]


def test_what_a_channel_can_say_follows_from_its_profile() -> None:
    plain = capabilities_of(hi1_table(), where="x.toml")
    european = capabilities_of(hi1_table(profile="e-evidence"), where="x.toml")
    assert plain == Capabilities(idempotent=True, can_find=True)
    assert european == Capabilities(idempotent=True, can_find=True, announce=True, clarify=True)


def test_words_of_a_profile_can_be_replaced_and_left_out() -> None:
    words = {"legal_type": "XX/LegalType/Preservation", "authorisation_status": ""}
    read = read_hi1_table(hi1_table(profile="e-evidence", words=words), "x.toml").profile.words
    assert read.legal_type == Word("XX", "LegalType", "Preservation")
    assert read.authorisation_status is None
    assert read.document_send == E_EVIDENCE.words.document_send


def test_what_the_environment_lacks_is_told_at_once(tmp_path: Path) -> None:
    key = tmp_path / "open.key"
    key.write_text("no key")
    key.chmod(0o644)
    table = read_hi1_table(hi1_table(), "x.toml")
    with pytest.raises(ConfigurationError) as caught:
        opened(table, {"HOLDFAST_HI1_KEY": str(key), "HOLDFAST_HI1_CA": str(tmp_path / "missing.pem")})
    told = str(caught.value)
    assert "adapter.url: the environment variable HOLDFAST_HI1_URL is not set" in told
    assert "adapter.client_certificate: the environment variable HOLDFAST_HI1_CERTIFICATE is not set" in told
    assert f"adapter.client_key: everyone on this machine may read {key}; run: chmod 600 {key}" in told
    assert f"adapter.ca_bundle: {tmp_path / 'missing.pem'} cannot be read: No such file or directory" in told


def test_an_address_of_the_environment_must_be_https_too(tmp_path: Path) -> None:
    environ = dict(throwaway(tmp_path).environ("http://127.0.0.1:1/hi1"))
    with pytest.raises(ConfigurationError, match="HOLDFAST_HI1_URL: expected https"):
        opened(read_hi1_table(hi1_table(), "x.toml"), environ)


def test_paths_are_added_to_the_address(tmp_path: Path) -> None:
    environ = dict(throwaway(tmp_path).environ("https://desk.example.com/"))
    table = hi1_table(url="env:HOLDFAST_HI1_URL/hi1", endpoints={"new": "/lp/new", "extension": "/lp/longer"})
    found = opened(read_hi1_table(table, "x.toml"), environ)
    assert found.url == "https://desk.example.com/hi1"
    assert found.endpoints == {
        Action.SEND: "https://desk.example.com/hi1/lp/new",
        Action.EXTEND: "https://desk.example.com/hi1/lp/longer",
    }


def test_a_key_that_signs_must_be_one(tmp_path: Path) -> None:
    certificates = throwaway(tmp_path)
    (tmp_path / "none.key").write_text("no key")
    (tmp_path / "none.key").chmod(0o600)
    table = hi1_table(
        sign=True, signing_key=str(tmp_path / "none.key"), signing_certificate=str(certificates.client.certificate)
    )
    with pytest.raises(ConfigurationError, match=r"x\.toml: adapter\.sign: .*none\.key"):
        make_adapter(
            "x",
            table,
            where="x.toml",
            sandbox=True,
            zone="",
            environ=certificates.environ("https://127.0.0.1:1/hi1"),
        )


def test_the_keys_of_throw_away_certificates_are_their_owner_s_alone(tmp_path: Path) -> None:
    certificates = throwaway(tmp_path / "new folder")
    for pair in (certificates.server, certificates.client):
        assert pair.key.stat().st_mode & 0o077 == 0


# The guide


def cells(heading: str) -> set[str]:
    part = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", GUIDE, re.DOTALL | re.MULTILINE)
    assert part, heading
    first = [line.split("|")[1] for line in part[1].splitlines() if line.startswith("| ")]
    return {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}


def test_the_guide_lists_every_key_and_no_other() -> None:
    assert cells("The table") == set(KEYS)
    assert cells("Words") == set(WORDS)
    assert all(f"`{name}`" in GUIDE for name in (*ENDPOINTS, *PROFILES))


def test_the_example_of_the_guide_is_right_as_it_stands() -> None:
    text = re.search(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert text
    assert check_adapter_table(tomllib.loads(text[1])["adapter"], "x.toml") == []


def test_the_guide_says_which_words_nobody_has_verified() -> None:
    for name in WORDS:
        value = getattr(E_EVIDENCE.words, name)
        assert value is None or f"`{value}`" in GUIDE
