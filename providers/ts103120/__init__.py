"""How a preservation order is said over ETSI TS 103 120 (HI-1): HTTPS, XML, certificates on both sides.

`adapter` speaks; `saying` builds messages and `hearing` reads answers; `judging` turns what was heard into our
words; `profile` holds what a national or European profile adds; `table` reads the `[adapter]` table and, alone of
these with `codes`, `days`, `formats`, `ids` and `profile`, needs no XML. docs/ts103120.md is for those who connect
a provider; what of it nobody has checked against the text of the standard is said there.
"""
