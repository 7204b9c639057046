"""XML as this protocol uses it: its namespaces, two words to build with, and a reader that trusts nobody.

The reader takes UTF-8 alone, no document type (and so no entity), nothing from disk or network, and no tree deeper
than any HI-1 message is. Its reasons never quote what was read.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from lxml import etree

from providers.errors import Unreadable
from providers.ts103120.profile import Word

Element: TypeAlias = etree._Element

CORE = "http://uri.etsi.org/03120/common/2019/10/Core"
NAMESPACES = {
    "core": CORE,
    "common": "http://uri.etsi.org/03120/common/2016/02/Common",
    "auth": "http://uri.etsi.org/03120/common/2020/09/Authorisation",
    "task": "http://uri.etsi.org/03120/common/2020/09/Task",
    "doc": "http://uri.etsi.org/03120/common/2020/09/Document",
    "notification": "http://uri.etsi.org/03120/common/2016/02/Notification",
    "config": "http://uri.etsi.org/03120/common/2024/06/Config",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
_WRITTEN = {None: CORE} | {
    name: NAMESPACES[name] for name in ("common", "auth", "task", "doc", "notification", "xsi")
}
DEEPEST = 32
"""Levels of elements; ETSI's deepest example has 16."""
_DECLARED = re.compile(r"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


def tag(name: str) -> str:
    """A name as a tree knows it; without a prefix it is of the core."""
    prefix, colon, local = name.rpartition(":")
    return f"{{{NAMESPACES[prefix] if colon else CORE}}}{local}"


def root(name: str) -> Element:
    """A new document's outermost element."""
    return etree.Element(tag(name), nsmap=_WRITTEN)


def add(parent: Element, name: str, text: str | None = None) -> Element:
    """A new last child. Raises `ValueError` for text that XML cannot carry."""
    child = etree.SubElement(parent, tag(name))
    child.text = text
    return child


def add_word(parent: Element, name: str, word: Word | None) -> None:
    """A new last child with a word of a dictionary; nothing for None."""
    if word is not None:
        child = add(parent, name)
        add(child, "common:Owner", word.owner)
        add(child, "common:Name", word.name)
        add(child, "common:Value", word.value)


def to_bytes(document: Element) -> bytes:
    """A document in UTF-8."""
    written: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8")
    return written


def parse(data: bytes, *, charset: str = "") -> Element:
    """The outermost element of a document.

    Args:
        data: the document, of a size that was limited where it was received.
        charset: what its carrier says of its encoding, "" where it says nothing.

    Raises:
        Unreadable: not UTF-8, not well-formed, with a document type, or too deep.
    """
    if charset and charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Unreadable("its answer is in another charset than UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None
    if text is None:  # raised outside of `except`: the error would quote the answer
        raise Unreadable("its answer is not UTF-8")
    declared = _DECLARED.match(text)
    if declared and declared[1].lower() not in ("utf-8", "us-ascii"):
        raise Unreadable("its answer declares another encoding than UTF-8")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Unreadable("its answer has a document type, which is not read")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        document = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        document = None
    if document is None:
        raise Unreadable("its answer is no well-formed XML")
    if _too_deep(document):
        raise Unreadable("its answer is nested deeper than any message is")
    return document


def _too_deep(document: Element) -> bool:
    depth = 0
    for event, _ in etree.iterwalk(document, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEEPEST:
            return True
    return False


def child(parent: Element | None, path: str) -> Element | None:
    """The first element at a path of names ("task:Status/common:Value"), None if there is none."""
    for name in path.split("/"):
        if parent is None:
            return None
        parent = parent.find(tag(name))
    return parent


def text(parent: Element | None, path: str) -> str:
    """The text at a path, "" if there is none."""
    found = child(parent, path)
    return (found.text or "").strip() if found is not None else ""


def word_at(parent: Element | None, path: str) -> Word | None:
    """The word of a dictionary at a path."""
    found = child(parent, path)
    if found is None:
        return None
    return Word(text(found, "common:Owner"), text(found, "common:Name"), text(found, "common:Value"))


def kind_of(element: Element) -> str:
    """The concrete kind of an HI1Object (`xsi:type`) with our prefix, "task:LPTaskObject"; "" if we know none."""
    said = element.get(tag("xsi:type"), "").strip()
    prefix, colon, local = said.rpartition(":")
    space = element.nsmap.get(prefix if colon else None)
    return next((f"{name}:{local}" for name, known in NAMESPACES.items() if known == space), "")
