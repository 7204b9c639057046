"""How is an order said on paper? Texts, one structure, PDF; no configuration is read here, no clock, no network.

`Typesetter` implements `providers.interface.Letters`. It is made from values that `read_stationery` has
checked; typst and pyHanko are imported when the first letter is written.
"""

from providers.letters.stationery import Stationery, read_stationery
from providers.letters.typesetter import Typesetter

__all__ = ["Stationery", "Typesetter", "read_stationery"]
