"""ETSI's own schemas and dictionary, where they lie beside the repository: the judge of every message and answer.

They are read in place and are no part of the project. Authorisation and Document are of V1.12.1, whose structure is
unchanged; Notification was rebuilt from ETSI's JSON schema of V1.23.1 and is no outside judge.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree
from provider_orders import ROOT

from providers.ts103120.profile import E_EVIDENCE

ETSI = ROOT.parent / "shared" / "wire" / "etsi"
HELD = ETSI.is_dir()
needs_schemas = pytest.mark.skipif(not HELD, reason="ETSI's schemas are not held beside the repository")
CORE = "http://uri.etsi.org/03120/common/2019/10/Core"
COMMON = "{http://uri.etsi.org/03120/common/2016/02/Common}"
_SCHEMAS = {
    "http://uri.etsi.org/03280/common/2017/07": "ts_103280/TS_103_280.xsd",
    "http://uri.etsi.org/03280/common/2019/10/Dictionaries": "v1.12.1/dictionaries/ts_103120_Dictionaries.xsd",
    "http://uri.etsi.org/03120/common/2016/02/Common": "v1.23.1/schema/xsd/ts_103120_Common.xsd",
    "http://uri.etsi.org/03120/common/2024/06/Config": "v1.23.1/schema/xsd/ts_103120_Config.xsd",
    CORE: "v1.23.1/schema/xsd/ts_103120_Core.xsd",
    "http://uri.etsi.org/03120/common/2020/09/Authorisation": "v1.12.1/schema/ts_103120_Authorisation.xsd",
    "http://uri.etsi.org/03120/common/2020/09/Document": "v1.12.1/schema/ts_103120_Document.xsd",
    "http://uri.etsi.org/03120/common/2016/02/Notification": (
        "derived/ts_103120_Notification.reconstructed-1.23.1.xsd"
    ),
    "http://uri.etsi.org/03120/common/2020/09/Task": "v1.23.1/schema/xsd/ts_103120_Task.xsd",
    "http://uri.etsi.org/03120/common/2019/10/Delivery": "v1.23.1/schema/xsd/ts_103120_Delivery.xsd",
}


def _signatures() -> str:
    import xmlschema

    return str(Path(xmlschema.__file__).parent / "schemas" / "DSIG" / "xmldsig-core-schema.xsd")


@functools.cache
def schema() -> etree.XMLSchema:
    """All of the schemas as one: they import each other without saying where."""
    places = {"http://www.w3.org/2000/09/xmldsig#": _signatures()}
    places |= {space: str(ETSI / path) for space, path in _SCHEMAS.items()}
    imports = "".join(f'<xs:import namespace="{space}" schemaLocation="{path}"/>' for space, path in places.items())
    wrapper = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'
    return etree.XMLSchema(etree.fromstring(wrapper))


@functools.cache
def dictionary() -> frozenset[str]:
    """Every value of ETSI's dictionary V1.23.1, as "OWNER/NAME/VALUE"."""
    path = ETSI / "v1.23.1" / "dictionaries" / "ts_103120_ETSIDictionaryDefinitions.xml"
    space = "{http://uri.etsi.org/03280/common/2019/10/Dictionaries}"
    found = set()
    for each in etree.parse(path).iter(f"{space}Dictionary"):
        owner, name = each.findtext(f"{space}Owner"), each.findtext(f"{space}Name")
        found |= {f"{owner}/{name}/{value.text}" for value in each.iter(f"{space}Value")}
    return frozenset(found)


UNVERIFIED = frozenset(
    str(word)
    for word in (
        E_EVIDENCE.words.legal_type,
        E_EVIDENCE.words.announced_status,
        E_EVIDENCE.words.no_question,
        *(E_EVIDENCE.document(action) for action in E_EVIDENCE.documents),
    )
    if word is not None
)
"""Values of the e-Evidence profile, which no public dictionary has."""


def words_of(document: etree._Element) -> Iterator[str]:
    """Every dictionary value that a message uses."""
    for value in document.iter(f"{COMMON}Value"):
        entry = value.getparent()
        assert entry is not None
        yield "/".join(str(entry.findtext(f"{COMMON}{part}")) for part in ("Owner", "Name", "Value"))


def problems_of(message: bytes, *, also: frozenset[str] = frozenset()) -> list[str]:
    """What the schemas and the dictionary have against a message; nothing where they are not held."""
    if not HELD:
        return []
    document = etree.fromstring(message)
    judge = schema()
    judge.validate(document)
    found = [str(error) for error in judge.error_log]
    return found + [f"no such value: {word}" for word in words_of(document) if word not in dictionary() | also]
