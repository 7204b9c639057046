"""What a reply says itself, without the older messages that it gives back below, above or between.

Some programs mark every line that they quote (">"); many write only a head above what they quote, or nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from providers.mail.compose import PURPOSE

LONGEST_BODY = 20_000
_OUR_LETTER = re.compile("|".join(r"[\s>|]+".join(map(re.escape, each.split()[:7])) for each in PURPOSE.values()))

# In the languages of the Union's usual mail programs
_RULED = (
    "original message|forwarded message|ursprüngliche nachricht|original-?nachricht|weitergeleitete nachricht"
    "|message d['’]origine|message transféré|mensaje original|mensaje reenviado|messaggio originale"
    "|messaggio inoltrato|oorspronkelijk bericht|doorgestuurd bericht|mensagem original|mensagem encaminhada"
    "|oryginalna wiadomość|wiadomość oryginalna|ursprungligt meddelande|oprindelig meddelelse|opprinnelig melding"
    "|alkuperäinen viesti|původní zpráva|eredeti üzenet|mesaj original"
)
_FROM = (
    "from|von|de|da|van|od|från|fra|lähettäjä|feladó|odesílatel|odosielateľ|expéditeur|remitente|mittente|από|от"
    "|pošiljatelj|siuntėjas|saatja"
)
_TO = "to|an|à|a|aan|para|do|till|til|vastaanottaja|komu|címzett|către|προς|за|za|kam|saaja"
_SENT = (
    "sent|date|gesendet|datum|envoyé|enviado(?: el)?|enviada(?: em)?|fecha|data|inviato|verzonden|wysłano|skickat"
    "|sendt|dato|lähetetty|päivämäärä|odesláno|odoslané|elküldve|dátum|trimis|στάλθηκε|ημερομηνία|изпратено|poslano"
    "|saadetud|subject|betreff|objet|asunto|oggetto|onderwerp|assunto|temat|ämne|emne|aihe|předmět|predmet|tárgy"
    "|subiect|θέμα|тема|teema"
)
_WROTE = (
    r"wrote|writes|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|pisze|napisał(?:\(a\)|a)?|skrev|kirjoitti"
    r"|napsal(?:\(a\)|a)?|napísal(?:\(a\)|a)?|írta|a scris|έγραψε|написа|je napisa[ol](?:/la|\(a\)|la)?|rašė"
    r"|rakstīja|kirjutas"
)
_RULE = re.compile(rf"\s*-{{2,}}\s*(?:{_RULED})", re.IGNORECASE)
_HEAD, _SECOND, _THIRD = (
    re.compile(rf"[\s*_]*(?:{labels})[\s*_]*:", re.IGNORECASE) for labels in (_FROM, f"{_TO}|{_SENT}", _SENT)
)
_ATTRIBUTION = re.compile(rf"(?<!\w)(?:{_WROTE})(?!\w)(?P<when>.*):\s*$", re.IGNORECASE)


def own_words(text: str) -> str:
    """A reply without what it quotes: neither our own letter nor an older answer is what the provider says now.

    Marked lines are left out wherever they stand. Where an older message begins without marks, nothing counts from
    there on.
    """
    lines = text[:LONGEST_BODY].split("\n")
    return _OUR_LETTER.split("\n".join(_own(lines)), maxsplit=1)[0]


def _own(lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if _marked(line):
            continue
        following = [each for each in lines[number + 1 : number + 8] if each.strip()][:2]
        if _RULE.match(line) or _heads(line, following):
            return
        before = lines[number - 1] if number else ""
        if _attributes(line, before) and not (following and _marked(following[0])):
            return
        yield line


def _marked(line: str) -> bool:
    return line.lstrip().startswith(">")


def _heads(line: str, following: Sequence[str]) -> bool:
    """Whether a line begins the head of an older message: from whom; perhaps to whom; when, or about what."""
    if not _HEAD.match(line) or not following or not _SECOND.match(following[0]):
        return False
    return any(_THIRD.match(each) for each in following)


def _attributes(line: str, before: str) -> bool:
    """Whether a line such as "On 21 November, somebody wrote:" ends here; it may have begun on the line before."""
    if not line.rstrip().endswith(":"):
        return False
    found = _ATTRIBUTION.search(line)
    if found is None and "@" in line:
        found = _ATTRIBUTION.search(f"{before} {line}")
    return found is not None and (not found["when"].strip() or bool(re.search(r"[\d@]", found.string)))
