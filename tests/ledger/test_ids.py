import random
import re
import string
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.ids import ALPHABET, LENGTH, new_request_id, read_request_id

KNOWN = "7M6ETZWF057D"  # as random.Random(2026) draws it

ids = st.integers(0, 2**55 - 1).map(lambda seed: new_request_id(random.Random(seed)))


def with_characters(rng: random.Random, fixed: dict[int, str]) -> str:
    """The 12 characters of a right id that has these characters at these places."""
    while True:
        body = list(new_request_id(rng).removeprefix("HF-"))
        for place, character in fixed.items():
            body[place] = character
        free = next(place for place in range(LENGTH) if place not in fixed)
        for character in ALPHABET:  # one character mends the check, wherever it stands
            body[free] = character
            if is_right("".join(body)):
                return "".join(body)


def is_right(body: str) -> bool:
    try:
        read_request_id(f"HF-{body}")
    except ValueError:
        return False
    return True


def test_an_id_is_hf_and_twelve_characters_without_i_l_o_u() -> None:
    drawn = {new_request_id() for _ in range(2000)}
    assert len(drawn) == 2000
    assert all(re.fullmatch(r"HF-[0-9A-HJKMNP-TV-Z]{12}", each) for each in drawn)
    for place in range(3, 15):
        assert {each[place] for each in drawn} == set(ALPHABET)


def test_a_known_id_stays_right() -> None:
    assert new_request_id(random.Random(2026)) == "HF-" + KNOWN
    assert read_request_id("hf " + KNOWN.lower()) == "HF-" + KNOWN


@given(ids)
def test_an_id_reads_as_itself(request_id: str) -> None:
    assert read_request_id(request_id) == request_id


@given(ids, st.randoms(use_true_random=False))
def test_a_person_may_type_it_as_they_like(request_id: str, rng: random.Random) -> None:
    swaps = {"0": "0oO", "1": "1iIlL"}
    typed = "".join(
        rng.choice(swaps.get(character, character + character.lower())) for character in request_id.replace("-", "")
    )
    typed = "".join(character + rng.choice(["", "", " ", "-", "\u2011", "\t"]) for character in typed)
    assert read_request_id(f" {typed}\n") == request_id


def test_every_wrong_character_is_found_wherever_it_stands() -> None:
    rng = random.Random(1)
    for place in range(LENGTH):
        for right in ALPHABET:
            body = with_characters(rng, {place: right})
            assert is_right(body)
            for wrong in set(ALPHABET) - {right}:
                assert not is_right(body[:place] + wrong + body[place + 1 :])


def is_found_swapped(one: int, a: str, other: int, b: str, rng: random.Random) -> bool:
    body = with_characters(rng, {one: a, other: b})
    swapped = list(body)
    swapped[one], swapped[other] = b, a
    return not is_right("".join(swapped))


def test_any_two_neighbours_in_each_others_place_are_found() -> None:
    rng = random.Random(2)
    for place in range(LENGTH - 1):
        for a, b in combinations(ALPHABET, 2):
            assert is_found_swapped(place, a, place + 1, b, rng)


def test_any_two_characters_in_each_others_place_are_found() -> None:
    rng = random.Random(3)
    for one, other in combinations(range(LENGTH), 2):
        for difference in range(1, len(ALPHABET)):  # what a swap does depends on the difference only
            a = rng.randrange(len(ALPHABET))
            assert is_found_swapped(one, ALPHABET[a], other, ALPHABET[a ^ difference], rng)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "starts with HF- and has 12 characters"),
        ("HX-000000000000", "starts with HF-"),
        ("000000000000", "starts with HF-"),
        ("HF-00000000000", "has 12 characters after HF-, this one has 11"),
        ("HF-0000000000000", "this one has 13"),
        ("HF-00000000000U", "never contains 'U'"),
        ("HF-0000000000é!", "never contains '!' or 'É'"),
        ("HF-000000000001", "the check character does not fit: is one character mistyped, or are two swapped"),
    ],
)
def test_what_is_wrong_with_an_id_is_said(typed: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        read_request_id(typed)


@given(st.text(alphabet=string.printable + "éßı０"))
def test_nothing_that_a_person_types_does_worse_than_a_value_error(typed: str) -> None:
    try:
        read = read_request_id(typed)
    except ValueError:
        return
    assert is_right(read.removeprefix("HF-"))
