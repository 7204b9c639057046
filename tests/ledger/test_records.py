import json

from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_fold import NOW

from ledger.canonical import LARGEST, Identity, canonical, instant, read_instant
from ledger.interface import NewEvent
from ledger.records import record

text = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
leaves = st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | text
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=20)


@given(values)
def test_the_canonical_text_is_json_of_the_same_value(value) -> None:
    assert json.loads(canonical(value)) == value


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(text, values), st.randoms(use_true_random=False))
def test_the_canonical_text_does_not_depend_on_the_order_of_a_table(table, rng) -> None:
    names = list(table)
    rng.shuffle(names)
    assert canonical({name: table[name] for name in names}) == canonical(table)


def test_the_canonical_text_is_as_documented() -> None:
    value = {"é": 1, "b": [True, None, ("x", '\n"\\\x1f\x7f/')], "a": {}, "Z": -0}
    assert canonical(value) == '{"Z":0,"a":{},"b":[true,null,["x","\\n\\"\\\\\\u001f\x7f/"]],"é":1}'


@settings(max_examples=40, deadline=None)
@given(text, text, st.dictionaries(text, values))
def test_the_bytes_of_an_event_are_the_canonical_text_of_the_table_of_its_fields(actor, kind, body) -> None:
    new = NewEvent(kind=kind or "k", at=NOW, actor=actor or "a", body=body)
    entry = record(new, seq=7, request="HF-A", now=NOW)
    table = {
        "seq": 7,
        "request": "HF-A",
        "kind": new.kind,
        "at": "2026-11-21T08:00:00.000000Z",
        "recorded_at": "2026-11-21T08:00:00.000000Z",
        "actor": new.actor,
        "body": body,
    }
    assert entry.content() == canonical(table).encode()
    assert entry.event().body == body


@given(st.datetimes(timezones=st.just(NOW.tzinfo)))
def test_an_instant_reads_as_itself_and_sorts_as_text(moment) -> None:
    assert read_instant(instant(moment)) == moment
    assert (instant(moment) < instant(NOW)) == (moment < NOW)


def test_the_identity_tells_ledgers_apart() -> None:
    born = {"ledger": "1", "created_at": "", "sandbox": False}
    head = b'{"created_at":"","format":"holdfast-ledger/2","ledger":"1","sandbox":false}'
    assert Identity(**born).content() == head
    others = [born | change for change in ({"ledger": "2"}, {"created_at": "x"}, {"sandbox": True})]
    assert len({Identity(**each).content() for each in (born, *others)}) == 4
