"""Identifiers of accounts: addresses, numbers, names and the ids that services give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from flows.identifier import (
    POWER_OF_TEN,
    Check,
    Flaw,
    Identifier,
    all_digits,
    code,
    lookalike,
    power_of_ten,
    shaped,
    spaced,
)

_LONGEST_EMAIL, _LONGEST_LOCAL = 254, 64  # RFC 5321, 4.5.3.1, less the angle brackets

_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]",
    re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(r"(?!-)([^\W_]|-){1,63}(?<!-)")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164: at most 15 digits with the country code
_PHONE_MARKS = str.maketrans("", "", " -./()")
_SET_APART = re.compile(r"\+1([2-9][0-9]{2})?55501[0-9]{2}|\+447700900[0-9]{3}")
"""Numbers that nobody has, for examples: NANP 555-0100 to 555-0199, Ofcom 07700 900000 to 900999."""

_ABROAD = "write it as it is dialled from abroad: +, the country code and the number, without brackets"
_UNGIVEN = Flaw(
    "is in no range of numbers that its country is known to give out",
    "compare it with the source; if it is right, send it as it is: new ranges are opened now and then",
    "warning",
    "numbering-plan",
)
_LENGTH = Flaw("is too short or too long for a number", "write +, the country code and the number: 7 to 15 digits")


def check_email(identifier: Identifier) -> Iterator[Flaw]:
    """One address, and nothing around it."""
    value = identifier.value
    if _EMAIL.fullmatch(value) and len(value) <= _LONGEST_EMAIL and "xn--" not in value.casefold():
        return
    local, _, domain = value.rpartition("@")
    last = domain.rpartition(".")[2]
    if value.casefold().startswith("mailto:") or "<" in value or ">" in value:
        yield Flaw("has a name or a mark around the address", "write the address alone", kind="paste")
    elif spaced(value) or "," in value or ";" in value:
        yield Flaw("has a space, a comma or a semicolon", "write one address, each in an entry of its own")
    elif value.count("@") != 1:
        yield Flaw(
            f"has {'more than one' if '@' in value else 'no'} @", 'write name@domain; a handle is a "username"'
        )
    elif not local or len(local) > _LONGEST_LOCAL or len(value) > _LONGEST_EMAIL:
        yield Flaw("has nothing before the @, or is too long", "write the whole address and nothing else")
    elif "." not in domain or not all(map(_LABEL.fullmatch, domain.split("."))) or last.isdigit() or len(last) == 1:
        yield Flaw("has no whole domain after the @", "write the domain in full, such as example.com")
    elif not _deliverable(value):
        yield Flaw("has a character that e-mail addresses do not have", "compare it with the source")
    else:
        yield from lookalike(value)


def _deliverable(value: str) -> bool:
    """Whether RFC 5322 and 6531 and IDNA 2008 allow it; nothing is looked up."""
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(value, check_deliverability=False, globally_deliverable=False, strict=False)
    except EmailNotValidError:
        return False
    return True


def spell_email(value: str) -> str:
    """In lower case, the domain in its ASCII form.

    Mailbox names may differ in case by RFC 5321, 2.4, but no provider known to us lets them; dots and `+tags` stay,
    since providers differ.
    """
    local, at, domain = value.casefold().rpartition("@")
    if not domain.isascii():
        with suppress(UnicodeError):  # not a name that the domain name system could have
            domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}"


def check_phone(identifier: Identifier) -> Iterator[Flaw]:
    """E.164, in a form and of a length that its country has (metadata of libphonenumber)."""
    value = identifier.value
    bare = spell_phone(value)
    if power_of_ten(value):
        yield POWER_OF_TEN
    elif "(0)" in value:
        yield Flaw("has a (0), which may or may not be dialled", _ABROAD)
    elif _PHONE.fullmatch(bare):
        yield from _numbered(bare)
    elif bare.startswith("00"):
        yield Flaw("begins with 00", "write + in place of the 00, then the country code")
    elif not all_digits(bare.removeprefix("+")):
        yield Flaw("has characters that are no digits", "write + and digits only, without an extension")
    elif not bare.startswith("+"):
        yield Flaw("has no + and country code", _ABROAD)
    elif bare.startswith("+0"):
        yield Flaw("has no country code after the +", _ABROAD)
    else:
        yield _LENGTH


def _numbered(bare: str) -> Iterator[Flaw]:
    if _SET_APART.fullmatch(bare):
        return
    import phonenumbers
    from phonenumbers import ValidationResult

    try:
        number = phonenumbers.parse(bare)
    except phonenumbers.NumberParseException:
        yield Flaw("begins with a country code that no country has", _ABROAD)
        return
    zeros = "0" * (number.number_of_leading_zeros or 1) if number.italian_leading_zero else ""
    if bare != f"+{number.country_code}{zeros}{number.national_number}":
        yield Flaw("has a digit that is dialled within its country only", _ABROAD)
        return
    if phonenumbers.is_valid_number(number):
        return
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        yield Flaw("has no area code", "write it in full, with the country code and the area code")
    elif reason != ValidationResult.IS_POSSIBLE:
        yield Flaw("has more or fewer digits than numbers of its country have", "compare it with the source")
    else:
        yield _UNGIVEN


def spell_phone(value: str) -> str:
    """`+` and digits."""
    return value.translate(_PHONE_MARKS)


def check_username(identifier: Identifier) -> Iterator[Flaw]:
    """A handle: no @ before it, no spaces, no web address."""
    value = identifier.value
    if value.startswith("@"):
        yield Flaw("begins with @", "write the username without the @")
    elif "/" in value or value.casefold().startswith("www."):
        yield Flaw("is the address of a page", 'use type "url", or write only the username')
    elif spaced(value):
        yield Flaw("has a space", "write the username, not the display name, or the profile URL", kind="display-name")
    elif "@" in value:
        fix = 'use type "email", unless usernames of this provider have an @ inside'
        yield Flaw("looks like an e-mail address", fix, "warning")
    yield from lookalike(value)


def spell_username(value: str) -> str:
    """In lower case, without an @ before it."""
    return value.casefold().removeprefix("@")


def check_id(identifier: Identifier) -> Iterator[Flaw]:
    """The id that a provider gave an account, a channel, a post: no grammar holds for all."""
    value = identifier.value
    if "://" in value:
        yield Flaw("is the address of a page", 'use type "url", or write only the id')
    elif value.startswith("@"):
        yield Flaw("begins with @", 'use type "username", without the @')
    else:
        yield from code(identifier)


def check_gamertag(identifier: Identifier) -> Iterator[Flaw]:
    """As shown on the console; unlike a username it may have spaces inside."""
    if identifier.value.startswith("@") or "://" in identifier.value:
        yield Flaw(
            "is not a gamertag", "write it as the console shows it, with the digits after the # if it has some"
        )
    yield from lookalike(identifier.value)


check_snowflake: Check = shaped(
    "[0-9]{17,20}", "is not an id of 17 to 20 digits", "copy the id: developer mode shows it, the name is none"
)
check_meeting: Check = shaped(
    "[0-9]([ -]?[0-9]){8,10}", "is not a meeting id", "write its 9 to 11 digits; spaces and dashes may stand"
)
check_repository: Check = shaped(
    r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}",
    "is not owner/name",
    "write the owner, a slash and the name, such as example/project",
)
check_member: Check = shaped(
    r"[A-Za-z0-9._-]{1,80}/[A-Za-z0-9._-]{1,80}",
    "is not workspace/member",
    "write the workspace, a slash and the id of the member, such as example/U0EXAMPLE",
)
check_reservation: Check = shaped(
    "[A-Za-z0-9-]{4,40}", "is not a reservation code", "write its letters and digits, as the confirmation shows them"
)
_MEETING_MARKS = str.maketrans("", "", " -")


def spell_meeting(value: str) -> str:
    """Digits alone."""
    return value.translate(_MEETING_MARKS)
