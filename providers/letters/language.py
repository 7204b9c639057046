"""One language of letters: its words, its dates, its direction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

WORDS: Mapping[str, frozenset[str]] = {
    "page": frozenset({"page", "pages"}),
    "see_annex": frozenset({"count"}),
    "printing": frozenset({"escape"}),
    "wrapped": frozenset({"length"}),
    "outside": frozenset({"list"}),
    **dict.fromkeys(
        (
            *("draft", "to", "sender", "attention", "yes", "no", "not_stated", "annex", "number", "type", "value"),
            *("used_from", "used_to", "zone", "all_utc", "utc", "signature", "signed", "comma"),
            *("status_new", "status_extension", "designated_establishment", "legal_representative"),
            *("criminal_proceedings", "custodial_sentence", "judge", "prosecutor", "other_authority"),
            *("epoc", "eio", "mla", "other"),
        ),
        frozenset[str](),
    ),
}
"""The words that every language has under `[word]`, and the placeholders each must have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """Everything a letter says in one language; complete, every placeholder known."""

    tag: str
    direction: str
    months: tuple[str, ...]
    first_of_month: str
    day_form: str
    instant_form: str
    span: str
    span_from: str
    span_to: str
    words: Mapping[str, str]
    urgencies: Mapping[str, str]
    networks: Mapping[str, str]
    types: Mapping[str, str]
    categories: Mapping[str, str]
    labels: Mapping[str, str]
    headings: Mapping[str, str]
    titles: Mapping[str, str]
    texts: Mapping[str, tuple[str, ...]]

    def day(self, on: date) -> str:
        """A day with its month spelled out; the first may have a form of its own."""
        day = self.first_of_month if on.day == 1 else str(on.day)
        return self.day_form.format(day=day, month=self.months[on.month - 1], year=on.year)

    def instant(self, moment: datetime) -> str:
        """An instant in UTC, which it says; to the second, or finer where the instant is."""
        at = moment.astimezone(UTC)
        return self.instant_form.format(date=self.day(at.date()), time=at.time().isoformat())

    def between(self, since: str, until: str) -> str:
        """A period between two texts, either of which may be empty."""
        if since and until:
            return self.span.format(**{"from": since, "to": until})
        return self.span_from.format(**{"from": since}) if since else self.span_to.format(to=until) if until else ""

    def listed(self, words: Iterable[str]) -> str:
        """Words one after the other."""
        return self.words["comma"].join(words)

    def state(self, code: str) -> str:
        """A State's name, for an ISO 3166-1 code; the code itself where the language or the code is not known."""
        from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - slow, and only letters need it

        try:
            name = Locale.parse(self.tag, sep="-").territories.get(code.upper())
        except (UnknownLocaleError, ValueError):
            name = None
        return str(name) if name else code
