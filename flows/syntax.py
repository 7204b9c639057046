"""What the parsers of TOML, YAML and JSON mean, in words that say what to write instead.

Their own messages are not passed on: they quote the text they stumble over, which may be an identifier.
"""

from __future__ import annotations

from collections.abc import Mapping

_BACKSLASH = ("a backslash in double quotes", "put the text in single quotes, or double each backslash")
_OPEN = ("a text does not end", "close its quotes")
_OPEN_ON_LINE = ("a text does not end on its line", 'close its quotes, or use """ for several lines')
_TWICE = ("a key is given twice", "keep one of them")
_APART = ("a table is given in two places", "write all of its keys in one place")
_VALUE = "put text in double quotes; days are written 2026-12-01, instants 2026-09-01T00:00:00Z, flags true or false"

# A part of what the parser says: what it means, what to do. The first that fits counts.
_MEANING: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "TOML": {
        "Unescaped '\\'": _BACKSLASH,
        "Escaped character": _BACKSLASH,
        "Invalid hex": _BACKSLASH,
        "Illegal character '\\n'": _OPEN_ON_LINE,
        "Unterminated string": _OPEN,
        "Expected \"'": _OPEN,
        "Expected '\"'": _OPEN,
        'Expected \'"""\'': _OPEN,
        "Unclosed array": (
            "a list does not end, or a comma is missing",
            "separate its entries with commas and close it with ]",
        ),
        "Unclosed inline": (
            "a table in braces does not end on its line, or a comma is missing",
            "separate its keys with commas and close it with }",
        ),
        "Invalid date": ("there is no such date or time", "check the day and the hour"),
        "Expected newline": ("something stands behind the value", f"write one key and one value a line; {_VALUE}"),
        "Expected '=' after a key": ("a key without a value", "write key = value"),
        "Invalid initial character": (
            "a key is missing or cannot be read",
            "write key = value, the key without spaces",
        ),
        "Invalid statement": ("neither a key nor a table", "write key = value, or [table] on a line of its own"),
        "Expected ']": ("the name of a table does not end", "close it with as many brackets as it begins with"),
        "Cannot declare": ("a table is given twice", "join the two; each [[request]] is written with two brackets"),
        "Cannot overwrite": _TWICE,
        "Duplicate inline": _TWICE,
        "Cannot mutate": _APART,
        "Cannot redefine": _APART,
        "Invalid value": ("a value is missing or cannot be read", _VALUE),
    },
    "YAML": {
        "mapping values": ("a colon where none may stand", "put text with a colon in quotes, and align the keys"),
        "block sequence": ("a dash where none may stand", "write each entry of a list on a line of its own"),
        "tab": ("a tab", "indent with spaces"),
        "\\t": ("a tab", "indent with spaces"),
        "cannot start any": (
            "a value begins with a character that YAML reserves",
            "put the text in quotes, indent with spaces",
        ),
        "end of stream": ("a text or a list does not end", "close its quotes or brackets"),
        "escape": _BACKSLASH,
        "hexdecimal": _BACKSLASH,
        "expected": ("the lines do not fit together", "align the keys of a table, and put text in quotes"),
    },
    "JSON": {
        "property name": (
            "a key is missing, or a comma is too many",
            'write "key": value, with no comma after the last',
        ),
        "',' delimiter": ("a comma is missing", "separate entries with commas"),
        "':' delimiter": ("a key without a value", 'write "key": value'),
        "Expecting value": ("a value is missing, or a comma is too many", "put text and dates in double quotes"),
        "scape": ("a backslash", "double each backslash"),
        "Unterminated": _OPEN,
        "control character": ("a text does not end on its line", "close its quotes, and write a new line as \\n"),
        "Extra data": ("something stands behind the end", "one { … } holds the whole case"),
    },
}


def explain(form: str, message: str) -> tuple[str, str]:
    """What is wrong and what to do, for a message of the parser of that form ("TOML", "YAML", "JSON")."""
    for part, meaning in _MEANING[form].items():
        if part in message:
            return meaning
    return f"this is not {form}", "compare with the example in docs/case-file.md"
