"""Identifiers of devices and of their cards."""

from __future__ import annotations

from collections.abc import Iterator

from flows.identifier import POWER_OF_TEN, WRONG_CHECK, Flaw, Identifier, all_digits, power_of_ten

_IMEI, _IMSI, _ICCID = 15, (14, 15), (19, 20)
_MARKS = str.maketrans("", "", " /-")
_FIFTEEN = "write the 15 digits (dial *#06# on the device to see them)"
_IMEI_LENGTHS = {
    14: Flaw("has 14 digits: the check digit is missing", "write all 15 digits"),
    16: Flaw("has 16 digits: it is an IMEISV", "write the 15 digits of the IMEI: the first 14 and the check digit"),
}
_NO_DIGITS = "has characters that are no digits"


def check_imei(identifier: Identifier) -> Iterator[Flaw]:
    """15 digits, the last of which checks the others (3GPP TS 23.003, annex B)."""
    digits = spell_digits(identifier.value)
    if power_of_ten(identifier.value):
        yield POWER_OF_TEN
    elif not all_digits(digits):
        yield Flaw(_NO_DIGITS, _FIFTEEN)
    elif len(digits) != _IMEI:
        yield _IMEI_LENGTHS.get(len(digits), Flaw("has not 15 digits", _FIFTEEN))
    elif not digits.strip("0") or not _luhn(digits):
        yield WRONG_CHECK


def check_imsi(identifier: Identifier) -> Iterator[Flaw]:
    """14 or 15 digits that begin with the code of a country that has networks (ITU-T E.212)."""
    digits = spell_digits(identifier.value)
    if power_of_ten(identifier.value):
        yield POWER_OF_TEN
    elif not all_digits(digits):
        yield Flaw(_NO_DIGITS, "write its 14 or 15 digits")
    elif len(digits) not in _IMSI:
        yield Flaw("has not 14 or 15 digits", "write all of them: the network's code and the subscriber's number")
    else:
        from stdnum import imsi

        if not imsi.is_valid(digits):
            fix = "compare it with the source: its first three digits are no country that has networks"
            yield Flaw("begins with a country code that is not known", fix, "warning", "numbering-plan")


def check_iccid(identifier: Identifier) -> Iterator[Flaw]:
    """The number of a SIM card: 89, then up to 20 digits, the last of which checks the others (ITU-T E.118)."""
    digits = spell_iccid(identifier.value)
    if power_of_ten(identifier.value):
        yield POWER_OF_TEN
    elif not all_digits(digits):
        yield Flaw(_NO_DIGITS, "write the 19 or 20 digits on the card")
    elif len(digits) not in _ICCID or not digits.startswith("89"):
        yield Flaw("is not the number of a SIM card", "write the 19 or 20 digits on the card, which begin with 89")
    elif not _luhn(digits):
        yield WRONG_CHECK if len(digits) == _ICCID[0] else WRONG_CHECK._replace(severity="warning")


def _luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    from stdnum import luhn

    return luhn.is_valid(digits)


def spell_digits(value: str) -> str:
    """Digits alone."""
    return value.translate(_MARKS)


def spell_iccid(value: str) -> str:
    """Digits alone, without the F that fills the last place on some cards."""
    digits = value.translate(_MARKS).upper()
    return digits.removesuffix("F")
