"""The record as CASE/UCO JSON-LD, the language in which forensic tools tell each other of an investigation.

One graph: the investigation, the legal basis as its authorization, Holdfast as the tool, an action for each event,
and what went and came as provenance records with hashes. No account is named. Nodes have the same names in every
export of the same record (UUIDs of the ledger, the request and the event).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flows.chronicle import told
from flows.words import moment

if TYPE_CHECKING:
    from flows.exporting import Material

Node = dict[str, Any]

CONTEXT: Mapping[str, str] = {
    "kb": "urn:uuid:",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "uco-identity": "https://ontology.unifiedcyberontology.org/uco/identity/",
    "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "uco-tool": "https://ontology.unifiedcyberontology.org/uco/tool/",
    "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
PARTS = ("sent", "received", "packet", "proof")
_NAMES = uuid.UUID("6f1f4f0e-5a0b-5c3e-9a51-0c3b5b0f7f52")
_QUIET = frozenset({"escalation-acknowledged", "message-settled"})


def case_uco(material: Material) -> bytes:
    """The document, for CASE 1.x."""
    return (json.dumps(_Graph(material).document(), ensure_ascii=False, indent=1) + "\n").encode()


class _Graph:
    def __init__(self, material: Material) -> None:
        self.material, self.nodes = material, list[Node]()
        self.actors: dict[str, str] = {}
        self.first = material.events[0]["body"]

    def document(self) -> Node:
        """The graph with its context."""
        law, provider = (self.material.terms[name]["table"] for name in ("instrument", "provider"))
        basis = self._node("authorization", "case-investigation:Authorization")
        basis |= {
            "case-investigation:authorizationType": law["title"],
            "case-investigation:authorizationIdentifier": f"{law['legal_basis']}; {self.material.request}",
            "uco-core:startTime": _instant(self.material.events[0]["at"]),
        }
        addressee = self._node("provider", "uco-identity:Organization") | {"uco-core:name": provider["name"]}
        tool = self._node("tool", "uco-tool:Tool") | {
            "uco-core:name": "Holdfast",
            "uco-tool:toolType": "preservation",
        }
        self.nodes += [basis, addressee, tool]
        for event in self.material.events:
            if event["kind"] not in _QUIET:
                self._action(event, addressee["@id"], tool["@id"])
        investigation = self._node("investigation", "case-investigation:Investigation") | {
            "uco-core:name": self.first["case"],
            "uco-core:description": f"As recorded up to {moment(self.material.at)}; the bundle has its proofs.",
            "case-investigation:relevantAuthorization": {"@id": basis["@id"]},
            "uco-core:object": [{"@id": each["@id"]} for each in self.nodes],
        }
        return {"@context": dict(CONTEXT), "@graph": [investigation, *self.nodes]}

    def _node(self, name: str, kind: str) -> Node:
        whole = f"{self.material.head.ledger}/{self.material.request}/{name}"
        return {"@id": f"kb:{uuid.uuid5(_NAMES, whole)}", "@type": kind}

    def _action(self, event: Node, provider: str, tool: str) -> None:
        """An event as an action; what went and came with it as its results."""
        seq, body = event["seq"], {name: value for name, value in event["body"].items() if name != "text"}
        records = list(self._records(event))
        done = self._node(f"event {seq}", "case-investigation:InvestigativeAction") | {
            "uco-core:name": event["kind"],
            "uco-core:description": told({**event, "body": body}),
            "uco-action:startTime": _instant(event["at"]),
            "uco-action:endTime": _instant(event["at"]),
            "uco-action:performer": {"@id": self._actor(event["actor"])},
            "uco-action:instrument": {"@id": tool},
            "uco-action:participant": {"@id": provider},
        }
        if records:
            done["uco-action:result"] = [{"@id": each["@id"]} for each in records]
        self.nodes.append(done)

    def _actor(self, name: str) -> str:
        if name not in self.actors:
            actor = self._node(f"actor {name}", "uco-identity:Identity") | {"uco-core:name": name}
            self.nodes.append(actor)
            self.actors[name] = actor["@id"]
        return self.actors[name]

    def _records(self, event: Node) -> Iterator[Node]:
        """A provenance record for each part of a transmission, with the hash of its bytes."""
        body = event["body"]
        parts = [(part, body.get(f"{part}_sha256"), body.get(f"{part}_size")) for part in PARTS]
        if event["kind"] == "message-received":
            parts.append(("message", body["message"], body.get("size")))
        for part, digest, size in parts:
            if not digest:
                continue
            name = f"event {event['seq']} {part}"
            facet = self._node(f"{name} content", "uco-observable:ContentDataFacet") | {
                "uco-observable:hash": self._node(f"{name} hash", "uco-types:Hash")
                | {
                    "uco-types:hashMethod": "SHA256",
                    "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": str(digest).upper()},
                }
            }
            if isinstance(size, int):
                facet["uco-observable:sizeInBytes"] = {"@type": "xsd:integer", "@value": str(size)}
            content = self._node(name, "uco-observable:ObservableObject") | {"uco-core:hasFacet": facet}
            record = self._node(f"{name} record", "case-investigation:ProvenanceRecord") | {
                "uco-core:description": f"{part}, event {event['seq']} of the ledger",
                "case-investigation:exhibitNumber": f"{self.material.request}/{event['seq']}/{part}",
                "uco-core:object": {"@id": content["@id"]},
            }
            self.nodes += [content, record]
            yield record


def _instant(text: str) -> Node:
    return {"@type": "xsd:dateTime", "@value": text}
