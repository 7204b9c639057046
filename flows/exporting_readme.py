"""README.txt of a bundle: what is in it, how it is checked, what that shows."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from flows.verifier.command import PROVES, PROVES_NOT

if TYPE_CHECKING:
    from flows.exporting import Material

TEXT = """\
The record of the preservation request {request}
{underline}

Case {case}, exported {at} by Holdfast.{sandbox}

Open index.html to read it. To check it, with nothing installed but Python 3.11 or later and without a network:

    python3 verify.py

in this folder, or `python3 verify.py BUNDLE.zip`. Status 0: all fits; 1: what does not fit is named; 2: it could not
be checked: no bundle, an older Python, a full disk.

    --key KEY      the unit's public key (base64, PEM, or a file with it) or its fingerprint, where you have it from
                   elsewhere
    --head FILE    a signed head that you or somebody else kept: mailed, printed, time-stamped
    --json         one JSON document instead of text

This bundle is signed with the key whose fingerprint is

    {key}

Compare it with what the unit published, or says when you call it on a number you know. verify.py is the same for
every bundle of this version of Holdfast: its SHA-256, which it prints, can be compared with that in another bundle.

The check shows
{proves}

It does not show
{proves_not}

What is in here

    index.html      the record in words, with a picture; for reading
    verify.py       the verifier: one file, with the rules of counting in full
    manifest.json   the SHA-256 of every file, signed by the unit
    events.jsonl    every event of the request, one a line, byte for byte as it was recorded
    identity.json   which ledger they stand in: the first leaf of its tree
    tree.json       for each event, the proof that it stands in the tree (RFC 9162); for each head, the proof that the
                    newest one's tree begins with it
    heads.jsonl     every signed head (Ed25519, RFC 8032), one a line, the newest made for this bundle; time stamps
    key.pem         the public key
    terms.json      the law and the provider's practice, as they were frozen when the request was registered
    policy.json     the unit's lead times and escalation ladder; they move no legal date
    record.json     every state and every date with its derivation, as they follow from the events
    zones/          the time zone in which days are counted
{more}
By hand, an event's place in the tree: SHA-256 of a zero byte and the line (without its end) is its leaf; the proof in
tree.json leads from there to the root in the newest head. A head's signature is over its line without the field
"signature", as JSON with sorted names and no spaces.
"""

CONTENTS = """\
    contents/       the exact bytes: NUMBER is the event's. sent, received: what went over the wire; packet: what a
                    person was handed; proof, mail: what came in; facts: the request with its accounts; remark
    sealed/         the same as it lies in the record, sealed. Each file's name is its SHA-256, and stands in an event

THIS BUNDLE NAMES ACCOUNTS. Hand it only to who may see them, and delete it when it has served.
"""

WITHOUT = """
The exact bytes sent and received are not in here, because they name accounts. Their SHA-256 stand in the events: the
unit can hand over the bytes later, and anybody can compare them (`holdfast export --with-contents`).
"""

STAMPS = """\
    stamps/         time stamps (RFC 3161) and the heads they stamp. To check one with the authority's certificates:
                    openssl ts -verify -data stamps/0001.head -in stamps/0001.tsr -CAfile AUTHORITY.pem
"""


def readme(material: Material) -> str:
    """The text."""
    request = material.request
    more = STAMPS if material.stamps else ""
    return TEXT.format(
        request=request,
        underline="=" * len(f"The record of the preservation request {request}"),
        case=material.events[0]["body"]["case"],
        at=f"{material.at:%Y-%m-%d %H:%M} UTC",
        sandbox="\nA TRIAL in a sandbox: nothing of this went to a real provider." if material.sandbox else "",
        key=material.key,
        proves=_listed(PROVES),
        proves_not=_listed(PROVES_NOT),
        more=more + (CONTENTS if material.contents else WITHOUT),
    )


def _listed(lines: tuple[str, ...]) -> str:
    return "\n".join(textwrap.fill(line, 112, initial_indent="  - ", subsequent_indent="    ") for line in lines)
