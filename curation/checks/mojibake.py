"""Check: text that was read in the wrong encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings, quoted

LOST = "\ufffd"


def _images() -> dict[str, int]:
    """What each byte from 0x80 on becomes when read as Windows-1252, or as Latin-1 where that has none."""
    made = {}
    for byte in range(0x80, 0x100):
        try:
            made[bytes([byte]).decode("cp1252")] = byte
        except UnicodeDecodeError:
            made[chr(byte)] = byte
        made.setdefault(chr(byte), byte)
    return made


_BYTE_OF = _images()
_LATER = "".join(re.escape(char) for char, byte in _BYTE_OF.items() if 0x80 <= byte <= 0xBF)
_WRONG = (
    rf"[\u00c2-\u00df][{_LATER}]|[\u00e0-\u00ef][{_LATER}]{{2}}"
    rf"|[\u00f0-\u00f4][{_LATER}]{{3}}"
)
_RUN = re.compile(f"(?:{_WRONG})+")
_RE2 = r"[\x{c2}-\x{f4}][^\x00-\x7f]|\x{fffd}"
_QUOTES = "«»‹›“”„‘’‚–—…"


@check("mojibake", "Wrong encoding", "fix")
def mojibake(rows: Rows) -> pa.Table:
    """Finds: letters that are UTF-8 read as Windows-1252 or Latin-1, with the text they should be, and
    replacement characters, where the letter is lost.

    Why it hurts training: the model learns to read and write broken letters.

    False alarms: texts about encodings; capital letters before a quotation mark are told apart, but not in every
    language.

    How to fix: take the suggested text; import the file again with the right encoding.

    Example: "schÃ¶n" looks like UTF-8 read as Windows-1252; it should be "schön".
    """
    found = []
    for seq, turn, _, text in rows.turns(_RE2):
        for start, end, message in _wrong(text):
            found.append(Found(seq, "fix", turn, start, end, message))
            break
    return findings(found)


def _wrong(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _RUN.finditer(text):
        mended = _mended(match.group())
        if mended is None or not _believable(text, match, mended):
            continue
        start, end = _whole_word(text, match.start(), match.end())
        right = text[start : match.start()] + mended + text[match.end() : end]
        yield (
            start,
            end,
            (
                f"{quoted(text[start:end])} looks like UTF-8 read as Windows-1252; it should be {quoted(right)}."
            ),
        )
    at = text.find(LOST)
    if at >= 0:
        start, end = _whole_word(text, at, at + 1)
        yield start, end, f"A letter of {quoted(text[start:end])} was lost when the text was decoded."


def repaired(text: str) -> str:
    """The text with every broken letter whose right form is known, code fences left as they are."""

    def right(match: re.Match[str]) -> str:
        mended = _mended(match.group())
        return mended if mended is not None and _believable(match.string, match, mended) else match.group()

    pieces = re.split(r"(```.*?(?:```|\Z))", text, flags=re.DOTALL)
    return "".join(piece if i % 2 else _RUN.sub(right, piece) for i, piece in enumerate(pieces))


def _mended(wrong: str) -> str | None:
    try:
        return bytes(_BYTE_OF[char] for char in wrong).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _believable(text: str, match: re.Match[str], mended: str) -> bool:
    """Whether the mended letters are ones people write, and the broken ones are not.

    A capital letter before a quotation mark, as in CAFÉ», also is the image of two bytes.
    """
    broken = match.group()
    if len(broken) == 2 and broken[1] in _QUOTES and match.start() and text[match.start() - 1].isupper():
        return False
    common = all("\u00a0" <= char <= "\u017f" or "\u2000" <= char <= "\u22ff" for char in mended)
    return (common and broken[0] in "ÂÃÄÅâ") or (len(mended) >= 2 and mended.isprintable())


def _whole_word(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end
