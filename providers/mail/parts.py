"""The parts of a message from outside: bounded in size, number and depth, decoded without trust, never opened."""

from __future__ import annotations

import codecs
import hashlib
import html
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32

MIB = 1024 * 1024
LARGEST = 25 * MIB
"""Bytes of a whole message; a larger one is kept and not read."""
LONGEST_HEADER = 256 * 1024
MOST_FIELDS = 500
MOST_LINES = 500_000
MOST_PARTS = 100
MOST_BOUNDARIES = 40
DEEPEST = 8
LONGEST_TEXT = 100_000
"""Characters of text; what is longer is cut off."""

_NOT_TEXT = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_BINARY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_NAME = re.compile(r"[^\w .()+=@,-]")
_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+_-]{1,60}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """What came beside the text. `name` is the sender's, made safe to show; it is sensitive, like `content`."""

    type: str
    size: int
    sha256: str
    name: str = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(kw_only=True, slots=True)
class Parts:
    """What a message holds. `reports`: the blocks of its delivery reports; `returned`: headers it gives back."""

    plain: list[str] = field(default_factory=list)
    hyper: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    reports: list[Message] = field(default_factory=list)
    returned: list[Message] = field(default_factory=list)
    encrypted: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What a person would read: the plain text, else the hypertext without its tags."""
        told = "\n".join(part for part in self.plain if part.strip())
        return (told or "\n".join(self.hyper))[:LONGEST_TEXT]


def parse(raw: bytes, faults: list[str]) -> Message:
    """The message as a tree of parts; its header alone where it is too large or too deep to be taken apart."""
    head = re.split(rb"\r?\n\r?\n", raw[: LONGEST_HEADER + 4], maxsplit=1)[0]
    headers_only = True
    if len(head) > LONGEST_HEADER:
        faults.append("its header is too long")
        head = head[:LONGEST_HEADER].rpartition(b"\n")[0]
    elif len(re.findall(rb"(?m)^[^ \t\r\n]", head)) > MOST_FIELDS:
        faults.append("its header has too many fields")
        head = b"\n".join(head.split(b"\n")[:MOST_FIELDS])
    elif len(raw) > LARGEST:
        faults.append(f"it is larger than {LARGEST // MIB} MiB")
    elif raw.count(b"\n") > MOST_LINES or len(re.findall(rb"(?i)boundary\s*=", raw)) > MOST_BOUNDARIES:
        faults.append("it has too many lines or parts")
    else:
        headers_only = False
    if not headers_only:
        try:
            return BytesParser(policy=compat32).parsebytes(raw)
        except Exception as error:  # hostile bytes reach every corner of a parser, RecursionError included
            faults.append(f"it cannot be taken apart ({type(error).__name__})")
    try:
        return BytesHeaderParser(policy=compat32).parsebytes(head + b"\r\n\r\n")
    except Exception as error:  # as above
        faults.append(f"its header cannot be read ({type(error).__name__})")
        return Message()


def read_parts(message: Message, faults: list[str]) -> Parts:
    """Sort the parts of a message. What cannot be decoded is kept as it is, and noted."""
    parts = Parts(faults=faults)
    for count, (part, depth) in enumerate(_walk(message), start=1):
        if depth > DEEPEST or count > MOST_PARTS:
            faults.append("its parts are nested too deep" if depth > DEEPEST else "it has too many parts")
            break
        try:
            _sort(part, parts)
        except Exception as error:  # one bad part must not hide the others
            faults.append(f"a part cannot be read ({type(error).__name__})")
    return parts


def _walk(message: Message) -> Iterator[tuple[Message, int]]:
    """Every part with its depth. Messages within the message are parts, and not looked into."""
    waiting = [(message, 0)]
    while waiting:
        part, depth = waiting.pop()
        yield part, depth
        if part.get_content_maintype() == "multipart":
            waiting.extend((each, depth + 1) for each in reversed(_inner(part)))


def _inner(part: Message) -> list[Message]:
    """The parts of a part. Never asked of a text: the library would decode that by the codec it names."""
    found = part.get_payload() if part.is_multipart() else []
    return [each for each in found if isinstance(each, Message)] if isinstance(found, list) else []


def _sort(part: Message, parts: Parts) -> None:
    kind = part.get_content_type()
    if kind in {"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}:
        parts.encrypted = True
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        return
    if kind == "message/delivery-status" and part.is_multipart():
        parts.reports += _inner(part)[:MOST_PARTS]
        return
    content = _content(part, parts.faults)
    if kind in {"message/rfc822", "text/rfc822-headers", "message/global", "message/rfc822-headers"}:
        with suppress(Exception):  # only its header is of interest, and only if it has one
            parts.returned.append(BytesHeaderParser(policy=compat32).parsebytes(content[:LONGEST_HEADER]))
    disposition = str(part.get("Content-Disposition", "")).strip().lower()
    if kind in {"text/plain", "text/html"} and not disposition.startswith("attachment") and not part.get_filename():
        text = decode(content[: 4 * LONGEST_TEXT], str(part.get_param("charset", "") or ""), parts.faults)
        if "-----BEGIN PGP MESSAGE-----" in text:
            parts.encrypted = True
        if kind == "text/plain":
            parts.plain.append(clean(text))
        else:
            parts.hyper.append(clean(text_of_html(text)))
        return
    parts.attachments.append(
        Attachment(
            type=kind if _TYPE.fullmatch(kind) else "application/octet-stream",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            name=_name(part),
            content=content,
        )
    )


def _content(part: Message, faults: list[str]) -> bytes:
    """The bytes of one part, its transfer encoding undone; as they came where that cannot be."""
    if part.is_multipart():
        return b"\r\n".join(each.as_bytes() for each in _inner(part))
    defects = len(part.defects)
    content = part.get_payload(decode=True)
    if len(part.defects) > defects:
        faults.append("the encoding of a part is broken")
    return content if isinstance(content, bytes) else b""


def decode(raw: bytes, charset: str, faults: list[str]) -> str:
    """Text from bytes: by the charset named, else UTF-8, else Latin-1, in which everything is something."""
    name = "utf-8"
    if charset:
        try:
            name = codecs.lookup(charset.strip().strip("\"'")).name
            if name.replace("-", "_") in _NOT_TEXT:
                raise LookupError(name)
            return raw.decode(name, "replace")
        except Exception:  # an unknown or wrong codec: whatever it raises, we go on
            faults.append("a part names a charset that is none")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def clean(text: str) -> str:
    """Text without what is not for reading: NULs, other controls, invisible and direction characters."""
    text = _BINARY.sub("", text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode())
    return text[:LONGEST_TEXT]


def header(message: Message, name: str, longest: int = 1000) -> str:
    """A header field as text: the first of its name, encoded words decoded, on one line; "" if there is none."""
    value = message.get(name)
    if value is None:
        return ""
    text = str(value)[: longest * 4]
    if "=?" in text:
        with suppress(Exception):  # a broken encoded word stays as it is
            pieces = [
                decode(piece, charset or "ascii", []) if isinstance(piece, bytes) else piece
                for piece, charset in decode_header(text)
            ]
            text = "".join(pieces)
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(clean(text).split())[:longest]


def text_of_html(source: str) -> str:
    """The text of hypertext, its quotations marked by ">". Nothing is fetched, run or followed; one pass."""
    shown: list[str] = []
    hidden, quotes = "", 0
    for number, piece in enumerate(source.split("<")):
        tag, closed, text = piece.partition(">") if number else ("", ">", piece)
        name = re.match(r"/?[a-zA-Z0-9]*", tag)
        word = name[0].lower() if name else ""
        if hidden:
            if word != f"/{hidden}":
                continue
            hidden = ""
        elif word in {"script", "style", "title", "head", "noscript", "template"}:
            hidden = word
            continue
        if word.lstrip("/") == "blockquote":
            quotes = max(0, quotes + (-1 if word.startswith("/") else 1))
        between = ""
        if word.lstrip("/") in {"p", "br", "div", "tr", "li", "h1", "h2", "h3", "table", "blockquote"}:
            between = "\n"
        elif word.lstrip("/") in {"td", "th"}:
            between = " "
        said = between + html.unescape(text if closed else "")
        shown.append(re.sub(r"\r\n?|\n", "\n> ", said) if quotes else said)
    return "".join(shown)


def _name(part: Message) -> str:
    """The name the sender gave, as a plain file name of at most 80 characters; "" if none."""
    with suppress(Exception):  # broken continuations (RFC 2231) raise all kinds of errors
        given = part.get_filename() or ""
        given = re.split(r"[/\\]", clean(given).replace("\n", " "))[-1]
        return _NAME.sub("_", given).strip(" .")[:80]
    return ""
