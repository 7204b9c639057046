# ruff: noqa: E501 - each message stands in one piece, as a person reads it
"""What is checked of an identifier, and when two of them are the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.entries import KEYS, meant
from flows.identifiers import CHECKS, REFUSED, Identifier, normalise

THEN = datetime(2026, 10, 3, 21, 14, 5, tzinfo=UTC)


def flaws(kind: str, value: str, used_from: datetime | None = None) -> list[str]:
    """What the check says: "severity: problem; fix"."""
    identifier = Identifier(type=kind, value=value, used_from=used_from)
    return [f"{flaw.severity}: {flaw.problem}; {flaw.fix}" for flaw in CHECKS[kind](identifier)]


GOOD = [
    ("email", "a@example.com"),
    ("email", "First.Last+tag@mail.sub-domain.example.org"),
    ("email", "two..dots@example.com"),  # some mobile providers gave these out
    ("email", "o'hara!#$%&*/=?^_`{|}~-@example.com"),
    ("email", "x@xn--bcher-kva.example"),
    ("email", "a" * 64 + "@example.com"),
    ("phone", "+1-555-0100"),
    ("phone", "+44 20 7946 0100"),
    ("phone", "+33199000100"),
    ("phone", "+123456789012345"),
    ("phone", "+1 (555) 555.0100"),
    ("username", "example_invoices"),
    ("username", "billing.example-2"),
    ("user_id", "100020003000405"),
    ("user_id", "UCabc-_123"),
    ("user_id", "123456789012345678"),
    ("url", "https://social.example.com/example_invoices?x=1#part"),
    ("url", "http://example.com"),
    ("url", "HTTPS://Example.com:8443/"),
    ("url", "https://[2001:db8::7]/x"),
    ("imei", "001015012345671"),
    ("imei", "35-209900-176148-1"),
    ("device_serial", "EX4MPL3SERIAL"),
    ("wallet", "bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("transaction", "ethereum:0x" + "ab" * 32),
    ("other", "whatever names it"),
]


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_a_good_identifier_has_no_flaw(kind: str, value: str) -> None:
    assert flaws(kind, value) == []


@pytest.mark.parametrize("value", ["192.0.2.7:51820", "2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:51820"])
def test_a_good_address_has_no_flaw(value: str) -> None:
    assert flaws("ip", value, THEN) == []


ABROAD = "write it as it is dialled from abroad: +, the country code and the number, without brackets"
BROWSER = "copy the whole address from the browser, such as https://example.com/page"
FIFTEEN = "write the 15 digits (dial *#06# on the device to see them)"
LOOKALIKE = (
    "warning: has characters outside A to Z, 0 to 9; compare it with the source: letters of another script look alike"
    " and name another account"
)
POWER = (
    "error: was turned into a power of ten by a spreadsheet, and its digits are lost; format the column as text, enter"
    " the number again and export again"
)
ROUNDED = (
    "warning: ends in zeros after 15 digits, as when a spreadsheet has rounded it; compare it with the source; format"
    " the column as text before entering numbers"
)
WHOLE_DOMAIN = "error: has no whole domain after the @; write the domain in full, such as example.com"
ONE_ADDRESS = "error: has a space, a comma or a semicolon; write one address, each in an entry of its own"
TOO_LONG = "error: has nothing before the @, or is too long; write the whole address and nothing else"
INSIDE = "error: is used inside networks only and names nobody outside; write the public address"
NOT_IP = (
    "error: is not an IP address; write it as 192.0.2.7 or 2001:db8::7, with a port as 192.0.2.7:51820 or"
    " [2001:db8::7]:51820"
)
NO_PORT = (
    "warning: has no source port; add the source port if the log has it, as 192.0.2.7:51820: many people share one"
    " address"
)
NEVER = "give the username, the profile URL or the numeric id"


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("email", "example.com", 'error: has no @; write name@domain; a handle is a "username"'),
        ("email", "a@b@example.com", 'error: has more than one @; write name@domain; a handle is a "username"'),
        ("email", "@example.com", TOO_LONG),
        ("email", "a" * 65 + "@example.com", TOO_LONG),
        ("email", "a@" + "b" * 60 + ".example" * 30 + ".com", TOO_LONG),
        ("email", "a@example", WHOLE_DOMAIN),
        ("email", "a@", WHOLE_DOMAIN),
        ("email", "a@example..com", WHOLE_DOMAIN),
        ("email", "a@-example.com", WHOLE_DOMAIN),
        ("email", "a@exam_ple.com", WHOLE_DOMAIN),
        ("email", "a@192.0.2.7", WHOLE_DOMAIN),
        ("email", "a@example.c", WHOLE_DOMAIN),
        ("email", "mailto:a@example.com", "error: has a name or a mark around the address; write the address alone"),
        ("email", "A <a@example.com>", "error: has a name or a mark around the address; write the address alone"),
        ("email", "a@example.com, b@example.com", ONE_ADDRESS),
        ("email", "a b@example.com", ONE_ADDRESS),
        ("email", "a(b)@example.com", "error: has a character that e-mail addresses do not have; compare it with the source"),
        ("email", "\u0430@example.com", LOOKALIKE),  # a Cyrillic a
        ("email", "a@ex\u0430mple.com", LOOKALIKE),
        ("email", "\u212a@example.com", LOOKALIKE),  # the Kelvin sign, which lower case makes a k
        ("phone", "01 99 00 01 00", f"error: has no + and country code; {ABROAD}"),
        ("phone", "1-555-0100", f"error: has no + and country code; {ABROAD}"),
        ("phone", "0033199000100", "error: begins with 00; write + in place of the 00, then the country code"),
        ("phone", "+33 (0)1 99 00 01 00", f"error: has a (0), which may or may not be dialled; {ABROAD}"),
        ("phone", "+0199000100", f"error: has no country code after the +; {ABROAD}"),
        ("phone", "+1-555-0100 ext. 4", "error: has characters that are no digits; write + and digits only, without an extension"),
        ("phone", "+\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", "error: has characters that are no digits; write + and digits only, without an extension"),
        ("phone", "+123456", "error: is too short or too long for a number; write +, the country code and the number: 7 to 15 digits"),
        ("phone", "+1234567890123456", "error: is too short or too long for a number; write +, the country code and the number: 7 to 15 digits"),
        ("phone", "3.3199E+10", POWER),
        ("username", "@example", "error: begins with @; write the username without the @"),
        ("username", "social.example.com/example", 'error: is the address of a page; use type "url", or write only the username'),
        ("username", "www.example.com", 'error: is the address of a page; use type "url", or write only the username'),
        ("username", "Example Invoices", "error: has a space; write the username, not the display name, or the profile URL"),
        ("username", "a@example.com", 'warning: looks like an e-mail address; use type "email", unless usernames of this provider have an @ inside'),
        ("username", "ex\u0430mple", LOOKALIKE),
        ("user_id", "https://example.com/1", 'error: is the address of a page; use type "url", or write only the id'),
        ("user_id", "@example", 'error: begins with @; use type "username", without the @'),
        ("user_id", "100 020", "error: has a space; write it in one piece, as the provider shows it"),
        ("user_id", "1.0002E+14", POWER),
        ("user_id", "1,0002e+14", POWER),
        ("user_id", "123456789012345000", ROUNDED),
        ("user_id", "12345678901234500", ROUNDED),
        ("device_serial", "1E+20", POWER),
        ("url", "social.example.com/example", f"error: does not begin with https:// or http://; {BROWSER}"),
        ("url", "ftp://example.com", f"error: does not begin with https:// or http://; {BROWSER}"),
        ("url", "https:///page", f"error: has no host, or one that cannot be read; {BROWSER}"),
        ("url", "https://localhost/page", f"error: has no host, or one that cannot be read; {BROWSER}"),
        ("url", "https://[::1", f"error: has no host, or one that cannot be read; {BROWSER}"),
        ("url", "https://example.com:99999/", f"error: has no host, or one that cannot be read; {BROWSER}"),
        ("url", "https://example.com/a b", f"error: has a space or a backslash; {BROWSER}"),
        ("url", "https://example.com\\@evil.example", f"error: has a space or a backslash; {BROWSER}"),
        ("url", "https://example.com@other.example/", "error: has an @ before its host, which hides where it leads; copy the address that the browser shows"),
        ("url", "https://ex\u0430mple.com/", LOOKALIKE),
        ("ip", "192.0.2.0/24", "error: is a network or a web address; write one IP address, with its port if the log has it"),
        ("ip", "192.0.2.256", NOT_IP),
        ("ip", "192.0.2.07", NOT_IP),
        ("ip", "192.0.2.7:0", NOT_IP),
        ("ip", "192.0.2.7:65536", NOT_IP),
        ("ip", "example.com", NOT_IP),
        ("ip", "10.1.2.3", INSIDE),
        ("ip", "100.64.0.1", INSIDE),
        ("ip", "127.0.0.1", INSIDE),
        ("ip", "169.254.1.1", INSIDE),
        ("ip", "172.31.255.255", INSIDE),
        ("ip", "192.168.1.20:443", INSIDE),
        ("ip", "239.1.1.1", INSIDE),
        ("ip", "255.255.255.255", INSIDE),
        ("ip", "::1", INSIDE),
        ("ip", "::ffff:10.1.2.3", INSIDE),
        ("ip", "fd00::1", INSIDE),
        ("ip", "fe80::1%eth0", INSIDE),
        ("ip", "ff02::1", INSIDE),
        ("ip", "192.0.2.7", NO_PORT),
        ("ip", "::ffff:192.0.2.7", NO_PORT),
        ("imei", "001015012345672", "error: has a wrong check digit, so at least one digit is wrong; compare it with the source"),
        ("imei", "010015012345671", "error: has a wrong check digit, so at least one digit is wrong; compare it with the source"),
        ("imei", "000000000000000", "error: has a wrong check digit, so at least one digit is wrong; compare it with the source"),
        ("imei", "00101501234567", "error: has 14 digits: the check digit is missing; write all 15 digits"),
        ("imei", "0010150123456701", "error: has 16 digits: it is an IMEISV; write the 15 digits of the IMEI: the first 14 and the check digit"),
        ("imei", "0010150", f"error: has not 15 digits; {FIFTEEN}"),
        ("imei", "00101501234567A", f"error: has characters that are no digits; {FIFTEEN}"),
        ("imei", "1.01501E+12", POWER),
        ("wallet", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "warning: does not say of which chain it is; write the chain before it, as bitcoin:…, since the same may exist on several chains"),
        ("wallet", "bitcoin:bc1q ar0s", "error: is not on a chain; write chain:address or chain:hash, letters and digits without spaces"),
        ("transaction", "ab" * 100, "error: is not on a chain; write chain:address or chain:hash, letters and digits without spaces"),
        ("display_name", "Example Invoices", f"error: can change and is not unique; {NEVER}"),
        ("real_name", "x", f"error: is shared by many people; {NEVER}"),
        ("date_of_birth", "1970-01-01", f"error: is shared by many people; {NEVER}"),
        ("location", "Example", f"error: names no account; {NEVER}"),
    ],
)  # fmt: skip
def test_a_bad_identifier_is_told_with_what_to_write(kind: str, value: str, said: str) -> None:
    assert flaws(kind, value, THEN) == [said]


def test_an_address_without_its_time_is_refused() -> None:
    no_time = "error: has no time, and addresses change hands; give `from`, such as 2026-09-01T00:00:00Z"
    assert flaws("ip", "192.0.2.7:51820") == [no_time]
    assert flaws("ip", "192.0.2.7") == [no_time, NO_PORT]


@given(st.text(st.sampled_from("0123456789"), min_size=14, max_size=14).filter(lambda digits: digits.strip("0")))
def test_exactly_one_check_digit_of_ten_is_right(digits: str) -> None:
    assert sum(not flaws("imei", f"{digits}{check}") for check in range(10)) == 1


@given(st.sampled_from(list(CHECKS)), st.text())
def test_any_text_is_judged_or_let_through_but_never_raises_or_is_quoted(kind: str, value: str) -> None:
    marked = value + "zq7canary"
    for text in (value, marked):
        assert "zq7canary" not in "".join(flaws(kind, text))
        spelling = normalise(kind, text)
        assert normalise(kind, spelling) == spelling


def test_a_type_is_either_refused_or_has_a_good_example_and_is_proposed() -> None:
    assert {kind for kind, _ in GOOD} | {"ip"} == set(CHECKS) - REFUSED
    assert KEYS["type"] == f"one of {', '.join(kind for kind in CHECKS if kind not in REFUSED)}"


@given(st.sampled_from(sorted(REFUSED)), st.text(min_size=1))
def test_a_refused_type_is_refused_whatever_its_value(kind: str, value: str) -> None:
    assert [said.partition(":")[0] for said in flaws(kind, value, THEN)] == ["error"]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "First.Last@Example.COM", "first.last@example.com"),
        ("email", "a@b\u00fccher.example", "a@XN--BCHER-KVA.example"),
        ("email", "Zoe\u0308@example.com", "zo\u00eb@example.com"),  # composed and not
        ("phone", "+44 (20) 7946-0100", "+442079460100"),
        ("username", "Example_Pay", "example_pay"),
        ("username", "@example_pay", "example_pay"),
        ("url", "HTTP://Example.com:80/", "https://example.com"),
        ("url", "https://example.com:443/a?b#c", "http://EXAMPLE.com/a?b#c"),
        ("ip", "2001:DB8:0::7", "2001:db8::7"),
        ("ip", "[2001:db8:0:0::7]:443", "[2001:db8::7]:0443"),
        ("ip", "::ffff:192.0.2.7", "192.0.2.7"),
        ("ip", "[::ffff:192.0.2.7]:443", "192.0.2.7:443"),
        ("ip", "192.0.2.7:0443", "192.0.2.7:443"),
        ("imei", "35-209900-176148-1", "352099001761481"),
        ("wallet", "Ethereum:0xABCDEF0123", "ethereum:0xabcdef0123"),
        ("wallet", "bitcoin:BC1QAR0S", "bitcoin:bc1qar0s"),
        ("other", " x ", "x"),
    ],
)
def test_two_spellings_of_one_identifier_are_equal(kind: str, one: str, other: str) -> None:
    assert normalise(kind, one) == normalise(kind, other)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "first.last@example.com", "firstlast@example.com"),
        ("email", "a+tag@example.com", "a@example.com"),
        ("phone", "+15550100", "+15550101"),
        ("user_id", "UCabc", "UCABC"),
        ("url", "https://example.com/A", "https://example.com/a"),
        ("url", "https://example.com/#/user/1", "https://example.com/#/user/2"),
        ("url", "https://example.com/?u=1", "https://example.com/?u=2"),
        ("url", "https://example.com:8443/a", "https://example.com/a"),
        ("ip", "192.0.2.7:443", "192.0.2.7:444"),
        ("ip", "192.0.2.7:443", "192.0.2.7"),
        ("wallet", "bitcoin:1ExampleExampleExample", "bitcoin:1exampleexampleexample"),
        ("wallet", "bitcoin:0xabcdef0123", "ethereum:0xabcdef0123"),
        ("other", "x", "X"),
    ],
)
def test_two_identifiers_stay_two(kind: str, one: str, other: str) -> None:
    assert normalise(kind, one) != normalise(kind, other)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("e-mail", 'did you mean "email"?'),
        ("E164", 'did you mean "phone"?'),
        ("User Name", 'did you mean "username"?'),
        ("handle", 'did you mean "username"?'),
        ("profile_url", 'did you mean "url"?'),
        ("IP address", 'did you mean "ip"?'),
        ("snowflake", 'did you mean "user_id"?'),
        ("displayname", 'did you mean "display_name"?'),
        ("usernmae", 'did you mean "username"?'),
        ("", f"write {KEYS['type']}"),
        ("zzz", f"write {KEYS['type']}"),
    ],
)
def test_an_unknown_type_gets_the_nearest_known_one(word: str, hint: str) -> None:
    assert meant(word) == hint


def test_an_identifier_shows_its_type_and_place_but_not_its_value() -> None:
    identifier = Identifier(type="ip", value="192.0.2.7", used_from=THEN, zone="UTC", where="accounts.csv: line 7")
    assert repr(identifier) == "Identifier(type='ip', zone='UTC', where='accounts.csv: line 7')"
    assert str(identifier) == repr(identifier)
