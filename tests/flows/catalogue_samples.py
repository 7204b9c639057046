"""A small, complete configuration for tests: every key of every kind of file once, with reserved names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

SOURCE = """source = "Example Act, s. 1"
read_on = 2026-11-21
confidence = "high"
verified = true
"""

INSTRUMENT = f"""id = "xx.act1"
title = "Preservation order"
legal_basis = "Example Act, section 1"
jurisdiction = "XX"
addressee = "provider"
notes = ["One note."]

[force]
in_force = true
from = 2026-08-18
sendable = true
{SOURCE}
[binding]
everywhere = true
{SOURCE}
[first]
kind = "statutory_max"
period = "60 days"
{SOURCE}
[[extension]]
count = 1
period = "30 days"
decided_by = "issuer"
before_expiry = true
form = "Form 6"
{SOURCE}
[cap]
period = "90 days"
{SOURCE}
[start]
on = "receipt"
{SOURCE}
[counting]
rule = "exclude-first"
{SOURCE}
[repeat]
rule = "forbidden"
escalate = "xx.act1"
{SOURCE}
[[stop_event]]
kind = "mla-received"
what = "MLA request received"
step = "file-mla"
{SOURCE}
[[short_clock]]
kind = "validation"
within = "48 hours"
starts_on = "sent"
met_by = "validated"
only_if = "emergency"
consequence = "withdrawn"
{SOURCE}
[release]
duty = true
{SOURCE}
[confidentiality]
rule = "duty"
{SOURCE}
[scope]
categories = ["traffic"]
existing_data_only = true
{SOURCE}
[issuer]
who = ["court"]
countries = ["FR"]
{SOURCE}
[mandatory]
fields = ["case.unit"]
unless_emergency = ["request.validated_by"]
{SOURCE}"""

PROVIDER = f"""id = "example"
name = "Example Mail"
zone = "Europe/Dublin"
state = "IE"
notes = ["One note."]

[[entity]]
name = "Example Ltd"
for = ["world"]
address = "1 Example Street, Dublin"
state = "IE"
{SOURCE}
[[channel]]
kind = "portal"
name = "Portal"
url = "https://example.com/requests"
needs_account = true
onboarding_days = 20
official_domain_only = true
round_the_clock = true
emergency_only = false
notes = ["Slow."]
{SOURCE}
[[hold]]
requester = "US"
days = 90
discretionary = false
extension_count = 1
extension_days = 90
extension_discretionary = false
proof_of_mla_by_day = 90
confidential_days = 45
{SOURCE}
[[hold]]
requester = "not-US"
discretionary = true
{SOURCE}
[extension]
mode = "separate-request"
labelled = true
lead_days = 7
{SOURCE}
[acknowledgement]
within = "2 working days"
{SOURCE}
[[retention]]
category = "traffic"
what = "logs"
days = 30
{SOURCE}
[[retention]]
category = "content"
what = "opened messages"
hours = 0
{SOURCE}
[notice]
notifies_on_preservation = "unknown"
{SOURCE}
[identifiers]
accept = [{{ type = "username", pattern = "[a-z]+", needs = ["from"], with = ["email"], hint = "lower case" }}]
reject = [{{ type = "display_name", hint = "use the username" }}]
{SOURCE}
[required]
fields = ["case.officer.badge"]
{SOURCE}
[scope]
period_required = true
longest_period_days = 365
categories = ["subscriber", "traffic"]
{SOURCE}
[preservation]
offered = true
notes = ["One note."]
{SOURCE}
[freeze]
days = 30
notes = ["One note."]
{SOURCE}
[documents]
formats = ["pdf"]
languages = ["en"]
letterhead = true
signed = true
editable_copy_over = 10
attachment_limit_mb = 25
notes = ["One note."]
{SOURCE}
[adapter]
kind = "manual"
anything = {{ goes = [1, 2] }}
"""

MLA = f"""default = "usual"

[profile.usual]
p50_days = 150
p90_days = 324
{SOURCE}
[profile.slow]
p50_days = 365
p90_days = 729
{SOURCE}
[by_state]
US = "slow"
"""

POLICY = """[send]
lead = "1 day"
[extend]
at = "2/3"
margin = "5 days"
[mla]
file_lead = "3 weeks"
[announce]
lead = "5 days"
[clarify]
lead = "2 days"
[acknowledge]
within = "2 working days"
[chase]
every = "1 day"
times = 3
[poll]
every = "12 hours"
[review]
every = "30 days"
[backoff]
first = "5 minutes"
longest = "6 hours"
[sweep]
interval = "15 minutes"
imminent_sweeps = 96
[pace]
per_minute = 600
[[pace.provider]]
id = "example"
per_minute = 30
[catalogue]
stale_after_days = 120

[preflight]
long_period_days = 366
many_identifiers = 1000

[accounts]
have = ["snap"]

[heads]
every = "12 hours"
after_events = 500
mail_to = ["registry@court.example"]

[report]
mail_to = ["head@police.example.com"]

[four_eyes]
emergency = true
release = false
erase = true
approve_within = "10 minutes"

[[ladder]]
level = 1
who = "Duty officer"
acknowledge_within = "12 hours"
tell = ["stderr", "smtp"]
mail_to = "duty@example.com"

[[ladder]]
level = 2
who = "Head of unit"
acknowledge_within = "6 hours"
tell = ["drop"]
"""

FILES = {
    "instruments/xx.act1.toml": INSTRUMENT,
    "providers/example.toml": PROVIDER,
    "mla.toml": MLA,
    "policy.toml": POLICY,
}


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files below a folder, by their names."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def table(text: str) -> dict[str, Any]:
    """The table of a file's text."""
    return tomllib.loads(text)
