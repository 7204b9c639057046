# ruff: noqa: E501 - each message stands in one piece, as a person reads it
"""What is checked of an identifier, and when two of them are the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.entries import KEYS, meant
from flows.identifiers import CHECKS, COMMON, REFUSED, Identifier, normalise
from flows.problems import KINDS

THEN = datetime(2026, 10, 3, 21, 14, 5, tzinfo=UTC)


def flaws(kind: str, value: str, used_from: datetime | None = None) -> list[str]:
    """What the check says: "severity: problem; fix"."""
    identifier = Identifier(type=kind, value=value, used_from=used_from)
    return [f"{flaw.severity}: {flaw.problem}; {flaw.fix}" for flaw in CHECKS[kind](identifier)]


GOOD = [
    ("real_name", "Example Name"),
    ("email", "a@example.com"),
    ("email", "First.Last+tag@mail.sub-domain.example.org"),
    ("email", "two..dots@example.com"),  # some mobile providers gave these out
    ("email", "o'hara!#$%&*/=?^_`{|}~-@example.com"),
    ("email", "x@xn--bcher-kva.example"),
    ("email", "a" * 64 + "@example.com"),
    ("phone", "+1-555-0100"),
    ("phone", "+44 20 7946 0100"),
    ("phone", "+33199000100"),
    ("phone", "+4930123456789"),
    ("phone", "+1 202 555 0142"),
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
    ("email", "\u7528\u6237@\u4f8b\u3048.example"),
    ("gamertag", "Example Player 7#1234"),
    ("domain", "Mail.Example.COM."),
    ("mac", "00:00:5E:00:53:01"),
    ("mac", "0000.5e00.5301"),
    ("imsi", "001-01-0123456789"),
    ("iccid", "89148000000745809013"),
    ("channel_id", "UCexample-_0123456789abc"),
    ("guild_id", "175928847299117063"),
    ("message_id", "175928847299117063"),
    ("post_id", "1a2b3c"),
    ("video_id", "7100000000000000001"),
    ("repository", "example/project.py"),
    ("workspace_member", "example/U0EXAMPLE"),
    ("meeting_id", "123 4567 8901"),
    ("trip_id", "00000000-0000-4000-8000-000000000000"),
    ("reservation_code", "HMEXAMPLE1"),
    ("order_id", "000-0000000-0000000"),
    ("customer_number", "K0123456789"),
    ("server_id", "1234567"),
    ("service_name", "ns000000.ip-192-0-2.example"),
    ("wallet", "ethereum:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
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
MIXED = (
    "warning: mixes letters of alphabets that look alike; compare it with the source letter by letter: a Cyrillic or"
    " Greek letter among Latin ones names another account"
)
POWER = (
    "error: was turned into a power of ten by a spreadsheet, and its digits are lost; format the column as text, enter"
    " the number again and export again"
)
UNGIVEN = (
    "warning: is in no range of numbers that its country is known to give out; compare it with the source; if it is"
    " right, send it as it is: new ranges are opened now and then"
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
EUI = "write its twelve hexadecimal digits, such as 00:00:5e:00:53:01"
ADDRESS = (
    "error: is not an address of that chain, or a character of it is wrong; copy it whole from the source, and check that"
    " the chain is right: addresses check themselves"
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
        ("email", "a@ex\u0430mple.com", MIXED),
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
        ("phone", "+999123456789", f"error: begins with a country code that no country has; {ABROAD}"),
        ("phone", "+5550100", "error: has more or fewer digits than numbers of its country have; compare it with the source"),
        ("phone", "+123456789012345", "error: has more or fewer digits than numbers of its country have; compare it with the source"),
        ("phone", "+4402079460100", f"error: has a digit that is dialled within its country only; {ABROAD}"),
        ("phone", "+12345678", "error: has no area code; write it in full, with the country code and the area code"),
        ("phone", "+10005550142", UNGIVEN),
        ("email", "a@xn--zz.example", "error: has a character that e-mail addresses do not have; compare it with the source"),
        ("username", "@example", "error: begins with @; write the username without the @"),
        ("username", "social.example.com/example", 'error: is the address of a page; use type "url", or write only the username'),
        ("username", "www.example.com", 'error: is the address of a page; use type "url", or write only the username'),
        ("username", "Example Invoices", "error: has a space; write the username, not the display name, or the profile URL"),
        ("username", "a@example.com", 'warning: looks like an e-mail address; use type "email", unless usernames of this provider have an @ inside'),
        ("username", "ex\u0430mple", MIXED),
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
        ("url", "https://ex\u0430mple.com/", MIXED),
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
        ("ip", "198.18.0.1", INSIDE),
        ("ip", "100::1", INSIDE),
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
        ("url", "https://t.co/abc", "warning: is a short link; open it and copy the address it leads to: a short link does not show who holds the content"),
        ("domain", "https://example.com", 'error: is the address of a page; write the domain alone, or use type "url"'),
        ("domain", "a@example.com", 'error: has an @; write what stands after it, or use type "email"'),
        ("domain", "*.example.com", "error: begins with *.; write the domain without it, and in `note` that the hosts below are meant"),
        ("domain", "192.0.2.7", 'error: is an IP address; use type "ip", with the time of its use'),
        ("domain", "localhost", "error: is no whole domain; write the domain in full, such as example.com"),
        ("domain", "ex ample.com", "error: is no whole domain; write the domain in full, such as example.com"),
        ("domain", "ex\u0430mple.com", MIXED),
        ("mac", "00:00:5e:00:53", f"error: is not a hardware address; {EUI}"),
        ("mac", "00:00:5e-00:53:01", f"error: is not a hardware address; {EUI}"),
        ("mac", "ff:ff:ff:ff:ff:ff", "error: is the address of a group or of nobody; write the address of one network card"),
        ("mac", "01:00:5e:00:00:01", "error: is the address of a group or of nobody; write the address of one network card"),
        ("mac", "02:00:5e:00:53:01", "warning: was made up by the device; phones make up a new one for each network: add when and where it was seen"),
        ("imsi", "00101012345678X", "error: has characters that are no digits; write its 14 or 15 digits"),
        ("imsi", "0010101234567", "error: has not 14 or 15 digits; write all of them: the network's code and the subscriber's number"),
        ("imsi", "000010123456789", "warning: begins with a country code that is not known; compare it with the source: its first three digits are no country that has networks"),
        ("iccid", "8914800000074580901X", "error: has characters that are no digits; write the 19 or 20 digits on the card"),
        ("iccid", "8814800000074580901", "error: is not the number of a SIM card; write the 19 or 20 digits on the card, which begin with 89"),
        ("iccid", "8991101200003204511", "error: has a wrong check digit, so at least one digit is wrong; compare it with the source"),
        ("iccid", "89148000000745809014", "warning: has a wrong check digit, so at least one digit is wrong; compare it with the source"),
        ("guild_id", "Example server", "error: is not an id of 17 to 20 digits; copy the id: developer mode shows it, the name is none"),
        ("guild_id", "1.7593E+17", POWER),
        ("repository", "project", "error: is not owner/name; write the owner, a slash and the name, such as example/project"),
        ("workspace_member", "U0EXAMPLE", "error: is not workspace/member; write the workspace, a slash and the id of the member, such as example/U0EXAMPLE"),
        ("meeting_id", "12345", "error: is not a meeting id; write its 9 to 11 digits; spaces and dashes may stand"),
        ("reservation_code", "H 1", "error: is not a reservation code; write its letters and digits, as the confirmation shows them"),
        ("gamertag", "@example", "error: is not a gamertag; write it as the console shows it, with the digits after the # if it has some"),
        ("cell_tower", "001-01", "error: does not name a cell; write MCC-MNC-area-cell, or MCC-MNC-cell for LTE and later, in digits"),
        ("cell_tower", "310-150-1234-5678", "error: has no time; give `from` and `to`: a cell without a time is everybody who was ever near it"),
        ("wallet", "bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", ADDRESS),
        ("wallet", "ethereum:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed", ADDRESS),
        ("wallet", "tron:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ADDRESS),
        ("wallet", "btc:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", 'warning: is of a chain that is not known here; did you mean "bitcoin"?'),
        ("wallet", "etherium:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", 'warning: is of a chain that is not known here; did you mean "ethereum"?'),
        ("transaction", "ethereum:" + "ab" * 32, "error: is not a transaction of that chain; copy the whole hash from a block explorer"),
        ("transaction", "bitcoin:0x" + "ab" * 32, "error: is not a transaction of that chain; copy the whole hash from a block explorer"),
        ("display_name", "Example Invoices", f"error: can change and is not unique; {NEVER}"),
        ("real_name", "a@example.com", "error: is not a name; write first and last name, as the account has them"),
        ("real_name", "12345", "error: is not a name; write first and last name, as the account has them"),
        ("date_of_birth", "1970-01-01", f"error: is shared by many people; {NEVER}"),
        ("location", "Example", f"error: names no account; {NEVER}"),
    ],
)  # fmt: skip
def test_a_bad_identifier_is_told_with_what_to_write(kind: str, value: str, said: str) -> None:
    assert flaws(kind, value, THEN) == [said]


@given(st.sampled_from(list(CHECKS)), st.text())
def test_every_flaw_is_of_a_kind_that_is_listed(kind: str, value: str) -> None:
    assert {flaw.kind for flaw in CHECKS[kind](Identifier(type=kind, value=value))} <= set(KINDS)


def test_a_cell_with_its_times_has_no_flaw() -> None:
    for value in ("310-150-1234-5678", "001-01-0123456789"):
        cell = Identifier(type="cell_tower", value=value.replace("001-", "262-"), used_from=THEN, used_to=THEN)
        assert list(CHECKS["cell_tower"](cell)) == []


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
    assert {kind for kind, _ in GOOD} | {"ip", "cell_tower"} == set(CHECKS) - REFUSED
    assert set(COMMON) <= set(CHECKS) - REFUSED
    assert KEYS["type"] == f"one of {', '.join(COMMON)}, or another that docs/case-file.md lists"


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
        (
            "wallet",
            "litecoin:LTC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KGMN4N9",
            "Litecoin:ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
        ),
        ("transaction", "bitcoin:" + "AB" * 32, "bitcoin:" + "ab" * 32),
        ("url", "https://example.com/a?utm_source=x&id=1&fbclid=y", "https://example.com/a?id=1"),
        ("url", "https://example.com/a#:~:text=word", "https://example.com/a"),
        ("domain", "B\u00fccher.Example.", "xn--bcher-kva.example"),
        ("mac", "00-00-5E-00-53-01", "0000.5e00.5301"),
        ("imsi", "001-01-0123456789", "001010123456789"),
        ("iccid", "8914 8000 0007 4580 901F", "8914800000074580901"),
        ("repository", "Example/Project", "example/project"),
        ("meeting_id", "123 4567 8901", "12345678901"),
        ("gamertag", "Example  Player", "example player"),
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
        ("SIM card", 'did you mean "iccid"?'),
        ("hostname", 'did you mean "domain"?'),
        ("tx-hash", 'did you mean "transaction"?'),
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
