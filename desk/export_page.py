"""The page of a bundle, for a person who knows the law and not the program: index.html, whole in itself."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from desk.export_html import between, figures, mla_said, plain, row, struck, value_said, working
from desk.export_style import STYLE
from desk.speaking import all_harmless
from flows.chronicle import ROUTINE, told
from flows.picture import Life, Mark, picture, spans
from flows.words import CLOCKS, OUTCOMES, STOPS, Table, day, moment, number, sentence, size

if TYPE_CHECKING:
    from flows.exporting import Material

NOTHING_LOADED = "default-src 'none'; style-src 'unsafe-inline'"
COUNTED = "<thead><tr><th></th><th>strict</th><th>legal</th><th>how it was counted</th></tr></thead>"
DATED = frozenset(
    {"first", "extension", "cap", "start", "counting", "repeat", "stop event", "short clock", "force", "release"}
    | {"binding", "hold", "acknowledgement", "retention"}
)
"""Tables of law and practice that dates rest on."""

OVER = frozenset({"released", "produced", "lapsed", "refused", "not-held", "erased"})
"""States in which nothing is held any more."""

BAD = frozenset({"lapsed", "refused", "not-held", "unknown", "erased"})


class Page:
    """The page's parts. Everything from the record goes through `plain`: nothing of it is ever markup."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self.record: Table = all_harmless(material.record)
        self.first: Table = all_harmless(material.events[0]["body"])
        self.law: Table = all_harmless(material.terms["instrument"]["table"])
        self.provider: Table = all_harmless(material.terms["provider"]["table"])
        self.texts = {each.seq: each.content.decode() for each in material.contents if each.name == "text"}
        self.events = [self._event(each) for each in material.events]
        self.moves = [each for each in self.events if each["kind"] not in ROUTINE]

    def _event(self, event: Table) -> dict[str, Any]:
        body = {name: value for name, value in event["body"].items() if name != "text"}
        if event["seq"] in self.texts:
            body["text"] = self.texts[event["seq"]]
        shown: dict[str, Any] = all_harmless({**event, "body": body})
        return shown

    def html(self) -> str:
        """The whole document."""
        title = f"Preservation request {self.material.request}"
        parts = (
            self._heading(),
            self._asked(),
            self._life(),
            self._ends(),
            self._clocks(),
            self._transmissions(),
            self._items(),
            self._law(),
            self._check(),
            self._all_events(),
        )
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{NOTHING_LOADED}">\n'
            f"<title>{plain(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
            + "\n".join("\n".join(part) for part in parts)
            + "\n</main>\n</body>\n</html>\n"
        )

    # What it is

    def _heading(self) -> Iterator[str]:
        record, ends = self.record, self.record["ends"]
        strict = date.fromisoformat(ends[-1]["strict_on"]) if ends else None
        state = sentence(record["state"], strict, record["coverage"]["open_ended_by"])
        yield f'<h1>Preservation request <span class="id">{plain(self.material.request)}</span></h1>'
        yield (
            f'<p class="sub">to {plain(self.provider["name"])} · case {plain(self.first["case"])} · record as of'
            f" {moment(self.material.at)}</p>"
        )
        if self.material.sandbox:
            yield '<p class="trial">A trial in a sandbox: nothing of this went to a real provider.</p>'
        yield f'<p class="state{" bad" if record["state"] in BAD else ""}">{plain(state[0].upper() + state[1:])}.</p>'

    def _asked(self) -> Iterator[str]:
        first, mla = self.first, self.first["mla"]
        counts = Counter(item["type"] for item in first["items"])
        accounts = ", ".join(f"{count} × {plain(kind)}" for kind, count in counts.items())
        sent = next((each for each in self.events if each["kind"] == "sent"), None)
        yield "<h2>What was asked, of whom, under which law</h2>"
        yield '<table class="facts">'
        yield row("Under", f"{plain(self.law['title'])}<br>{plain(self.law['legal_basis'])}")
        yield row("Of whom", plain(self.provider["name"]) + self._recipient(sent))
        yield row("For", plain(first["country"]) + " (requesting State)")
        yield row("Data", plain(", ".join(first["categories"])))
        yield row("Made between", plain(between(first["from"], first["to"])))
        yield row("Accounts", f"{accounts}{self._accounts()}")
        urgent = "emergency" if first["urgency"] == "emergency" else "expedited"
        yield row("How", plain(urgent) + (", confidential" if first["confidential"] else ""))
        if mla:
            yield row("Mutual legal assistance", plain(mla_said(mla)))
        yield row("First sent", moment(sent["at"]) if sent else "not sent")
        yield "</table>"

    def _recipient(self, sent: Table | None) -> str:
        to = sent["body"].get("recipient") if sent else ""
        over = sent["body"].get("channel") if sent else ""
        return (f" ({plain(to)})" if to else "") + (f", over {plain(over)}" if over else "")

    def _accounts(self) -> str:
        import json

        facts = next((each for each in self.material.contents if each.name == "sealed"), None)
        if facts is None:
            return '<br><span class="small">Which accounts is sealed; it is not in this bundle.</span>'
        items = all_harmless(json.loads(facts.content)["items"])
        return "".join(
            f"<br><code>{plain(each.get('type'))} {plain(each.get('value'))}</code>" for each in items[:200]
        )

    # What happened

    def _life(self) -> Iterator[str]:
        yield "<h2>What happened</h2>"
        yield f"<figure>{picture(self._drawn())}</figure>"
        yield "<table><tbody>"
        for place, event in enumerate(self.moves, 1):
            yield (
                f'<tr><td class="nr">{place}</td><td class="when">{moment(event["at"])}</td>'
                f"<td>{self._words(event)}</td></tr>"
            )
        yield "</tbody></table>"
        routine = Counter(each["kind"] for each in self.events)
        asked, people = routine["polled"] + routine["poll-failed"], routine["escalated"]
        told_of = ["asked the provider " + number(asked, "time") + " how it stands"] if asked else []
        told_of += ["told people " + number(people, "time") + " of something that needed them"] if people else []
        if told_of:
            done = plain(" and ".join(told_of))
            yield f'<p class="small">Besides, Holdfast {done}: see the list of all events.</p>'

    def _words(self, event: Table) -> str:
        text = told(event)
        return plain(text[:1].upper() + text[1:])

    def _drawn(self) -> Life:
        record, zone = self.record, ZoneInfo(self.provider["zone"])
        seen, ends = record["coverage"], record["ends"]

        def local(text: str) -> date:
            return datetime.fromisoformat(text).astimezone(zone).date()

        today = self.material.at.astimezone(zone).date()
        starts = [local(each["at"]) for each in self.events if each["kind"] == "sent"]
        is_over = record["state"] in OVER
        ended_on = local(self._since()) if is_over and starts else None
        stops = [each for each in self.events if each["kind"] in STOPS]
        opened = date.fromisoformat(stops[0]["body"]["on"]) if stops and seen["open_ended_by"] else None
        return Life(
            spans=spans(
                ends,
                record["chain"] if ends else (),
                begins=min(starts, default=today),
                over=bool(is_over or seen["open_ended_by"]),
                ended_on=ended_on,
            ),
            marks=tuple(Mark(on=local(each["at"]), number=place) for place, each in enumerate(self.moves, 1)),
            today=today,
            open_from=opened,
            ended_on=ended_on,
            mla_on=date.fromisoformat(seen["mla_sent_on"]),
            p50_on=date.fromisoformat(seen["p50_on"]),
            p90_on=date.fromisoformat(seen["p90_on"]),
        )

    def _since(self) -> str:
        """When it came into the state that it is in."""
        since = ""
        for stood, event in zip(self.record["history"], self.events, strict=True):
            if stood["state"] != self.record["state"]:
                since = ""
            since = since or event["at"]
        return since

    # Dates

    def _ends(self) -> Iterator[str]:
        yield "<h2>Until when the data had to be kept</h2>"
        yield (
            "<p>Every end is counted twice. The <em>strict</em> one is the earliest that could be argued, and"
            " Holdfast acts on it; the <em>legal</em> one is what the law's own way of counting gives.</p>"
        )
        if not self.record["ends"]:
            yield "<p>No end was counted: nothing was sent, or the law gives no period.</p>"
        else:
            yield f'<table class="counted">{COUNTED}<tbody>'
            for place, end in enumerate(self.record["ends"]):
                what = "First period" if not place else f"Extension {place}"
                yield (
                    f'<tr><td>{what}</td><td class="when">{day(end["strict_on"])}</td><td class="when">'
                    f"{day(end['legal_on'])}</td><td>{working(end['derivation'])}</td></tr>"
                )
            yield "</tbody></table>"
        if stop := self.record["coverage"]["open_ended_by"]:
            yield f"<p>It has no end any more: {plain(STOPS.get(stop, stop))}.</p>"

    def _clocks(self) -> Iterator[str]:
        clocks = self.record["clocks"]
        yield "<h2>Clocks that run</h2>"
        if not clocks:
            yield "<p>None.</p>"
            return
        yield f'<table class="counted">{COUNTED}<tbody>'
        for clock in clocks:
            what = CLOCKS.get(clock["kind"], clock["kind"])
            half, most = ("half by ", "nine in ten by ") if clock["kind"] == "mla-answer" else ("", "")  # a forecast
            yield (
                f'<tr><td>{plain(what)}</td><td class="when">{half}{struck(clock, "strict")}</td>'
                f'<td class="when">{most}{struck(clock, "legal")}</td>'
                f'<td>{working(clock["derivation"])}<span class="small">{plain(clock["source"])}</span></td></tr>'
            )
        yield "</tbody></table>"

    # What went and came

    def _transmissions(self) -> Iterator[str]:
        yield "<h2>What was sent, and what came back</h2>"
        names = {(each.seq, each.name): each.file for each in self.material.contents}
        rows = [row for event in self.events for row in self._transmission(event, names)]
        if not rows:
            yield "<p>Nothing.</p>"
            return
        yield "<table><tbody>"
        yield from rows
        yield "</tbody></table>"
        if not names:
            yield (
                '<p class="small">The bytes themselves name accounts and are not in this bundle. Their SHA-256 stands'
                " in the events: bytes handed over later can be compared.</p>"
            )

    def _transmission(self, event: Table, names: dict[tuple[int, str], str]) -> Iterator[str]:
        body, lines = event["body"], []
        for name, what in (
            ("sent", "sent"),
            ("received", "received"),
            ("packet", "handed to a person"),
            ("proof", "proof"),
        ):
            if digest := body.get(f"{name}_sha256"):
                field = f"{name}_bytes" if name in {"sent", "received"} else name
                file = names.get((event["seq"], field))
                link = f' <a href="{plain(file)}">{plain(file)}</a>' if file else ""
                many = size(body[f"{name}_size"]) if f"{name}_size" in body else ""
                lines.append(f"{what} {many}{link}<br><code>SHA-256 {plain(digest)}</code>")
        if event["kind"] == "message-received":
            file = names.get((event["seq"], "raw"))
            link = f' <a href="{plain(file)}">{plain(file)}</a>' if file else ""
            lines.append(f"message{link}<br><code>SHA-256 {plain(body['message'])}</code>")
        lines += [
            f'<span class="small">{plain(each["name"])}, {size(each["size"])}</span>'
            for each in body.get("files") or ()
        ]
        if lines:
            to = f'<br><span class="small">to {plain(body["recipient"])}</span>' if body.get("recipient") else ""
            yield (
                f'<tr><td class="when">{moment(event["at"])}</td><td>{self._words(event)}{to}</td>'
                f'<td class="proof">{"<br>".join(lines)}</td></tr>'
            )

    def _items(self) -> Iterator[str]:
        yield "<h2>What became of each account</h2>"
        yield "<table><tbody>"
        for item in self.record["items"]:
            more = f"their reference {item['reference']}" if item["reference"] else ""
            more += f" until {day(item['held_until'])}" if item["held_until"] else ""
            outcome = OUTCOMES.get(item["outcome"], item["outcome"])
            cells = (item["item"], item["type"], outcome, more)
            yield "<tr>" + "".join(f"<td>{plain(each)}</td>" for each in cells) + "</tr>"
        yield "</tbody></table>"

    def _law(self) -> Iterator[str]:
        yield "<h2>The law and the practice that the dates rest on</h2>"
        yield "<p>As they were frozen when the request was registered; a later change moved no date of it.</p>"
        yield "<table><tbody>"
        found = (*figures(self.law, "law"), *figures(self.provider, "provider"))
        for what, table in (each for each in found if each[0] in DATED):
            unread = "" if table["verified"] else " (not verified in the text itself)"
            said = "; ".join(
                f"{key.replace('_', ' ')}: {value_said(value)}"
                for key, value in table.items()
                if key not in {"source", "read_on", "confidence", "verified"} and not isinstance(value, dict)
            )
            yield (
                f'<tr><td>{plain(what)}</td><td>{plain(said)}<br><span class="small">{plain(table["source"])},'
                f" read on {day(table['read_on'])}{unread}</span></td></tr>"
            )
        yield "</tbody></table>"

    # How to check it

    def _check(self) -> Iterator[str]:
        from flows.exporting_verifier import verifier
        from flows.verifier.command import PROVES, PROVES_NOT

        head = self.material.head
        yield "<h2>How to check this record</h2>"
        yield (
            "<p>On any machine with Python 3.11 or later, without a network and with nothing else installed, in the"
            " folder into which this bundle was unpacked:</p>"
        )
        yield "<pre>python3 verify.py</pre>"
        yield (
            "<p>It computes every hash, every proof and every signature anew, and then every state and every date"
            " from the events; the ends of the hold a second time, by other code. What does not fit is named.</p>"
        )
        for heading, lines in (("The check shows", PROVES), ("It does not show", PROVES_NOT)):
            yield f"<h3>{heading}</h3><ul>" + "".join(f"<li>{plain(line)}</li>" for line in lines) + "</ul>"
        yield '<table class="facts">'
        yield row("Signed head", f"{head.events:,} events, {moment(head.at)}<br><code>{plain(head.root)}</code>")
        yield row("Heads in this bundle", f"{self.material.heads - self.material.stamps:,}")
        yield row("Time stamps", f"{self.material.stamps:,}")
        yield row("Ledger", f"<code>{plain(head.ledger)}</code>")
        yield row("Key, fingerprint", f"<code>{plain(self.material.key)}</code>")
        yield row("verify.py, SHA-256", f"<code>{hashlib.sha256(verifier()).hexdigest()}</code>")
        yield "</table>"

    def _all_events(self) -> Iterator[str]:
        yield "<h2>All events</h2>"
        yield (
            '<p class="small">Each with its number in the ledger, when it happened, and who or what entered it. A'
            " number that is missing belongs to another request.</p>"
        )
        yield "<table><tbody>"
        for event in self.events:
            yield (
                f'<tr><td class="nr">{event["seq"]}</td><td class="when">{moment(event["at"])}</td>'
                f'<td>{self._words(event)} <span class="small">(by {plain(event["actor"])})</span></td></tr>'
            )
        yield "</tbody></table>"


def page(material: Material) -> bytes:
    """The page."""
    return Page(material).html().encode()
