"""What names an account: the one table of types, with what is checked of each and how it is spelt for comparison.

The checks here hold for every provider: they find what nobody could act on (no @, a private address, a wrong
check digit). What a certain provider accepts is checked later, against its catalogue entry. No message quotes the
value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

from flows import identifiers_accounts as accounts
from flows import identifiers_chains as chains
from flows import identifiers_devices as devices
from flows import identifiers_network as network
from flows.identifier import LONGEST, Check, Flaw, Identifier, Spell, code

__all__ = ["CHAINED", "CHECKS", "COMMON", "LONGEST", "PORTED", "REFUSED", "Flaw", "Identifier", "normalise"]


def _any(_: Identifier) -> Iterator[Flaw]:
    yield from ()


def _never(problem: str) -> Check:
    flaw = Flaw(problem, "give the username, the profile URL or the numeric id", kind="display-name")
    return lambda _: iter((flaw,))


def _name(identifier: Identifier) -> Iterator[Flaw]:
    """A full name: it finds nobody alone, but some providers want it beside a number or an address."""
    value = identifier.value
    if "@" in value or "://" in value or not any(letter.isalpha() for letter in value):
        yield Flaw("is not a name", "write first and last name, as the account has them")


CHECKS: Mapping[str, Check] = {
    "email": accounts.check_email,
    "phone": accounts.check_phone,
    "username": accounts.check_username,
    "gamertag": accounts.check_gamertag,
    "user_id": accounts.check_id,
    "url": network.check_url,
    "domain": network.check_domain,
    "ip": network.check_ip,
    "mac": network.check_mac,
    "imei": devices.check_imei,
    "imsi": devices.check_imsi,
    "iccid": devices.check_iccid,
    "device_serial": code,
    "wallet": chains.check_wallet,
    "transaction": chains.check_transaction,
    "channel_id": accounts.check_id,
    "guild_id": accounts.check_snowflake,
    "message_id": accounts.check_id,
    "post_id": accounts.check_id,
    "video_id": accounts.check_id,
    "repository": accounts.check_repository,
    "workspace_member": accounts.check_member,
    "meeting_id": accounts.check_meeting,
    "trip_id": accounts.check_id,
    "reservation_code": accounts.check_reservation,
    "order_id": accounts.check_id,
    "customer_number": accounts.check_id,
    "server_id": accounts.check_id,
    "service_name": accounts.check_id,
    "cell_tower": network.check_cell,
    "other": _any,
    "display_name": _never("can change and is not unique"),
    "real_name": _name,
    "date_of_birth": _never("is shared by many people"),
    "location": _never("names no account"),
}
"""Every type there is, and what is checked of it."""

REFUSED = frozenset({"display_name", "date_of_birth", "location"})
"""The types that no provider can act on; known so that they are refused with what to give instead."""

COMMON = ("email", "phone", "username", "user_id", "url", "ip", "imei", "wallet")
"""The types that most entries are of."""

PORTED, CHAINED = frozenset({"ip"}), frozenset({"wallet", "transaction"})
"""The types beside which a port, or a chain, may stand."""

_SPELLINGS: Mapping[str, Spell] = {
    "email": accounts.spell_email,
    "phone": accounts.spell_phone,
    "username": accounts.spell_username,
    "gamertag": lambda value: " ".join(value.casefold().split()),
    "url": network.spell_url,
    "domain": network.spell_domain,
    "ip": network.spell_ip,
    "mac": network.spell_mac,
    "imei": devices.spell_digits,
    "imsi": devices.spell_digits,
    "iccid": devices.spell_iccid,
    "wallet": chains.spell,
    "transaction": chains.spell,
    "repository": str.casefold,
    "workspace_member": str.casefold,
    "meeting_id": accounts.spell_meeting,
    "reservation_code": str.casefold,
}


def normalise(type_: str, value: str) -> str:
    """The form in which two spellings of one identifier are equal: for duplicates and for the blind index.

    Never sent to anybody, and never an error: a value outside its grammar comes back in Unicode's composed form.
    What each type takes for equal is said by its `spell_…`; the types without one stay as they are, since case
    may matter. A change here hides the live requests that an existing ledger has: its blind indexes were made with
    the form of their day.
    """
    value = unicodedata.normalize("NFC", value.strip())
    spell = _SPELLINGS.get(type_)
    return spell(value) if spell else value
