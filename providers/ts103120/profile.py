"""What a profile adds to TS 103 120: which words of which dictionary, which documents, which questions.

`PLAIN` uses nothing but ETSI's own dictionary. `E_EVIDENCE` follows TS 104 144 as a public demonstration cites it;
nobody here has read that document, and its dictionaries are not public: every word of it is unverified, and each can
be replaced in the provider's table (`[adapter.words]`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from providers.interface import Action

_WORD = re.compile(r"(?P<owner>[^/]{1,255})/(?P<name>[^/]{1,255})/(?P<value>[^/]{1,255})")


@dataclass(frozen=True, slots=True)
class Word:
    """A value of a dictionary. Written "OWNER/DICTIONARY/VALUE"."""

    owner: str
    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}/{self.value}"


def word(text: str) -> Word | None:
    """A word as a table writes it; None for "" (it is left out).

    Raises:
        ValueError: three parts are not there.
    """
    if not text:
        return None
    parts = _WORD.fullmatch(text)
    if parts is None:
        raise ValueError('expected "OWNER/DICTIONARY/VALUE", or "" to leave it out')
    return Word(**parts.groupdict())


def etsi(name: str, value: str) -> Word:
    """A word of ETSI's own dictionaries."""
    return Word("ETSI", name, value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """What is said of an order in words of a dictionary; None is left out."""

    legal_type: Word | None = None
    authorisation_status: Word | None = None
    task_status: Word | None = field(default_factory=lambda: etsi("LPTaskDesiredStatus", "Preserved"))
    announced_status: Word | None = None
    document_send: Word | None = field(default_factory=lambda: etsi("DocumentType", "Warrant"))
    document_extend: Word | None = None
    document_release: Word | None = None
    document_announce: Word | None = None
    document_clarify: Word | None = None
    document_status: Word | None = None
    no_question: Word | None = None


WORDS = tuple(each.name for each in fields(Words))


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A way to use the protocol.

    `documents`: the acts that carry their letter as a Document. `asks`: the provider may ask for clarification, so
    its notifications must be read, and production may be announced. `validating`: the validating authority is named.
    """

    name: str
    words: Words
    documents: frozenset[Action]
    asks: bool = False
    validating: bool = False

    def with_words(self, given: Mapping[str, Word | None]) -> Profile:
        """The same with some words replaced."""
        return replace(self, words=replace(self.words, **given))

    def document(self, action: Action) -> Word | None:
        """The type of the document of an act."""
        found: Word | None = getattr(self.words, f"document_{action}")
        return found


PLAIN = Profile(
    name="plain",
    words=Words(),
    documents=frozenset({Action.SEND, Action.EXTEND, Action.RELEASE}),
)
E_EVIDENCE = Profile(
    name="e-evidence",
    words=Words(
        legal_type=etsi("EPOCLegalType", "EPOCPR"),
        authorisation_status=etsi("AuthorisationDesiredStatus", "SubmittedToCSP"),
        task_status=etsi("LPTaskDesiredStatus", "AwaitingPreservation"),
        announced_status=etsi("LPTaskDesiredStatus", "SubsequentProductionRequest"),
        document_send=etsi("EPOCDocumentType", "Form2"),
        document_extend=etsi("EPOCDocumentType", "Form6"),
        document_announce=etsi("EPOCDocumentType", "Form5"),
        no_question=etsi("EPOCNotificationType", "DeFactoImpossibility"),
    ),
    documents=frozenset({Action.SEND, Action.EXTEND, Action.RELEASE, Action.ANNOUNCE, Action.CLARIFY}),
    asks=True,
    validating=True,
)
PROFILES: Mapping[str, Profile] = {each.name: each for each in (PLAIN, E_EVIDENCE)}
