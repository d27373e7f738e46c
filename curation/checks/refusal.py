"""Check: answers that refuse."""

from __future__ import annotations

import re

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings, quoted

FIRST = 200  # characters
_UNABLE = (
    r"(?:can(?:['’]?t|not| not)|could(?:n['’]t| not)|won['’]?t|will not|am (?:not able|unable)"
    r"|['’]m (?:not able|unable)|(?:must|have to) (?:decline|refuse))"
)
REFUSAL = (
    rf"(?i:\bI(?: {_UNABLE}|['’]m (?:not able|unable))(?: be able)?(?: to)?"
    r"(?: (?:directly|currently|actually|fully|yet))? "
    r"(?:help|assist|provide|comply|fulfil?l|process|access|answer|engage|support|discuss|generate|create)\b"
    r"|\bI (?:must|have to) (?:decline|refuse)\b)"
)
_SELF = r"(?i:\bas an? (?:AI|artificial intelligence)(?: language)?(?: model| assistant)?\b)"


@check("refusal", "Refusal", "look", version=2)
def refusal(rows: Rows) -> pa.Table:
    """Finds: an assistant's turn whose first 200 characters say that it cannot help, or speak of itself as an AI.
    An apology alone is no refusal.

    Why it hurts training: refusals spread; a few in a hundred rows teach a model to refuse what it should do.

    False alarms: refusals that are wanted; answers that quote one. English only.

    How to fix: write the answer, or drop the row; keep those your product should give.

    Example: Opens with a refusal: "As an AI assistant, I am unable to process support tickets."
    """
    refusing, speaking_of_itself = re.compile(REFUSAL), re.compile(_SELF)
    found = []
    for seq, turn, _, text in rows.turns(f"{REFUSAL}|{_SELF}", roles=("assistant",), first=FIRST):
        start = text[:FIRST]
        refused = refusing.search(start)
        match = refused or speaking_of_itself.search(start)
        if match:
            what = "Opens with a refusal" if refused else "Speaks of itself as an AI"
            message = f"{what}: {quoted(text, 80)}."
            found.append(Found(seq, "look", turn, match.start(), match.end(), message))
    return findings(found)
