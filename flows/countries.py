"""Where a user can be, in the words of the catalogue: ISO 3166-1 codes, the EU, the EEA and the rest of the world."""

from __future__ import annotations

_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA
GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS
MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS
RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW
TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(_CODES.split())
"""The codes of ISO 3166-1 alpha-2."""

_MEMBERS = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU = frozenset(_MEMBERS.split())
"""The Member States of the European Union (Treaty on European Union, art. 52)."""

EEA = EU | {"IS", "LI", "NO"}
"""The European Economic Area (EEA Agreement, art. 126). Switzerland is not in it."""

E_EVIDENCE = EU - {"DK"}
"""The Member States that Regulation (EU) 2023/1543 binds: Denmark is not (Reg. (EU) 2025/1550, recitals 7 and 8)."""

WORLD = "world"
REGIONS = {"EU": EU, "EEA": EEA}

_NOT_ISO = {"UK": "GB", "EL": "GR"}


def specific_first(country: str) -> tuple[str, ...]:
    """The words that speak of a country, the most specific first: "FR", "EU", "EEA", "world"; () for ""."""
    if not country:
        return ()
    return (country, *(name for name, states in REGIONS.items() if country in states), WORLD)


def unknown_place(word: str) -> str:
    """What to write instead of a word that names no place of a user; "" if it names one."""
    if word in COUNTRIES or word in REGIONS or word == WORLD:
        return ""
    if word in _NOT_ISO:
        return f'did you mean "{_NOT_ISO[word]}"?'
    return 'write a country such as "FR" (ISO 3166-1), "EU", "EEA" or "world"'
