"""An item says its value whole; protocols with fields of their own take it apart."""

from __future__ import annotations

import pytest

from providers.interface import Item


@pytest.mark.parametrize(
    ("value", "port", "chain", "bare"),
    [
        ("192.0.2.7:51820", 51820, "", "192.0.2.7"),
        ("192.0.2.7:0443", 443, "", "192.0.2.7"),
        ("[2001:db8::7]:443", 443, "", "2001:db8::7"),
        ("192.0.2.7", None, "", "192.0.2.7"),
        ("2001:db8::7", None, "", "2001:db8::7"),
        ("bitcoin:bc1qexample", None, "bitcoin", "bc1qexample"),
        ("Bitcoin:bc1qexample", None, "bitcoin", "bc1qexample"),
        ("bc1qexample", None, "", "bc1qexample"),
        ("192.0.2.7", 51820, "", "192.0.2.7"),
        ("invoices@example.com", None, "", "invoices@example.com"),
    ],
)
def test_the_bare_value_has_neither_port_nor_chain(value: str, port: int | None, chain: str, bare: str) -> None:
    item = Item(id="i1", type="other", value=value, port=port, chain=chain)
    assert item.bare == bare
    assert value not in repr(item)
    assert str(port) not in repr(item) or port is None
