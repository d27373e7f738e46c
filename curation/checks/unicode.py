"""Check: characters that nobody sees, or that look like others."""

from __future__ import annotations

import re
import unicodedata

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings, quoted

_UNSEEN = r"[\x{00AD}\x{180E}\x{200B}\x{2060}-\x{2064}\x{FEFF}]"
_TURNING = r"[\x{202A}-\x{202E}\x{2066}-\x{2069}]"
_PRIVATE = r"[\x{E000}-\x{F8FF}\x{F0000}-\x{FFFFD}\x{100000}-\x{10FFFD}]"
_TAGS = r"[\x{E0001}\x{E0020}-\x{E007F}]"
_CONTROL = r"[\x01-\x08\x0B\x0E-\x1F\x7F-\x{84}\x{86}-\x{9F}]"
_OTHER = r"[\p{Cyrillic}\p{Greek}]"
_MIXED = rf"[A-Za-z]{{2}}{_OTHER}|{_OTHER}[A-Za-z]{{2}}|[A-Za-z]{_OTHER}[A-Za-z]"
_COMBINED = r"[A-Za-z\p{Cyrillic}\p{Greek}][\x{0300}-\x{0304}\x{0306}-\x{030C}\x{0327}\x{0328}]"
_PATTERN = "|".join((_UNSEEN, _TURNING, _PRIVATE, _TAGS, _CONTROL, _MIXED, _COMBINED))
_FLAG = "\U0001f3f4"
_LIKE = frozenset("АВЕЅІЈКМНОРСТУХаеорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο")  # noqa: RUF001  they look like Latin
_WORD = re.compile(r"[^\W\d_]+")
_RIGHT_TO_LEFT = ("R", "AL")


@check("unicode", "Unseen and look-alike characters", "look")
def unicode(rows: Rows) -> pa.Table:
    """Finds: zero-width characters, marks that turn the direction of a text, private and control characters, words
    that mix Latin with look-alike Cyrillic or Greek letters, letters written as letter and accent apart. The first
    of each kind in a turn.

    Why it hurts training: the same word gets other tokens; what nobody sees is learned all the same, and can hide
    instructions.

    False alarms: joiners in emoji and in Arabic, Persian and Indic scripts, and marks of direction beside
    right-to-left letters, are left alone; so are the flags of parts of countries. Icon fonts are private characters.

    How to fix: take the character out, or write the plain letter.

    Example: Turn 2 holds a zero-width space (U+200B). It is learned although nobody sees it; take it out.
    """
    found = []
    for seq, turn, _, text in rows.turns(_PATTERN):
        for start, end, what in _oddities(text):
            found.append(Found(seq, "look", turn, start, end, f"Turn {turn + 1} holds {what}"))
    return findings(found)


def _oddities(text: str) -> list[tuple[int, int, str]]:
    """The first of each kind: where, and what it is."""
    first: dict[str, tuple[int, int, str]] = {}
    turned = any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text)
    for at, char in enumerate(text):
        if char < "\x7f" and char >= " ":
            continue
        kind = _kind(text, at, turned)
        if kind and kind not in first:
            name = unicodedata.name(char, "a character without a name").lower()
            first[kind] = (at, at + 1, f"{kind}: {name} (U+{ord(char):04X}). {_ADVICE[kind]}")
    for match in _WORD.finditer(text):
        word = match.group()
        if not word.isascii() and "mixed" not in first and _mixes(word):
            told = f"a word that mixes Latin with look-alike letters: {quoted(word)}. Write it in one script."
            first["mixed"] = (*match.span(), told)
    return sorted(first.values())


_ADVICE = {
    "an unseen character": "It is learned although nobody sees it; take it out.",
    "a mark of direction": "It can show a text in another order than the model reads; take it out.",
    "a private character": "It means something in one font only; write what it stands for.",
    "a control character": "It is no text; take it out.",
    "a letter and its accent apart": "The same word gets other tokens; write it as one character (NFC).",
}


def _kind(text: str, at: int, turned: bool) -> str:
    char = text[at]
    code = ord(char)
    category = unicodedata.category(char)
    if category == "Co":
        return "a private character"
    if category == "Cc":
        return "" if char in "\t\n\r\f\x85\x00" else "a control character"
    if 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        return "" if turned else "a mark of direction"
    if code == 0xE0001 or 0xE0020 <= code <= 0xE007F:
        return "" if _FLAG in text[max(0, at - 7) : at] else "an unseen character"
    if code in (0xAD, 0x180E, 0x200B, 0xFEFF) or 0x2060 <= code <= 0x2064:
        return "an unseen character"
    if category == "Mn" and at and len(unicodedata.normalize("NFC", text[at - 1 : at + 1])) == 1:
        return "a letter and its accent apart"
    return ""


def _mixes(word: str) -> bool:
    """Latin letters, and letters of another script that all look Latin."""
    others = [char for char in word if unicodedata.name(char, "").startswith(("CYRILLIC", "GREEK"))]
    latin = sum(unicodedata.name(char, "").startswith("LATIN") for char in word)
    return bool(others) and latin >= 2 and _LIKE.issuperset(others)
