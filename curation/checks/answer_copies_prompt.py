"""Check: answers that only say the question again."""

from __future__ import annotations

import pyarrow as pa

from curation.checks.check import Rows, check

_WANTED = (
    r"\b(repeat|rewrite|rephrase|paraphrase|proofread|correct|fix|edit|revise|improve|format|reformat|translate"
    r"|convert|replace|rearrange|reorder|unscramble|sort|copy|spell|spelling|grammar|grammatical|punctuation"
    r"|punctuate|capitali[sz]e|uppercase|lowercase|change|transform|insert|complete|continue|fill|extract|remove"
    r"|delete|simplify|shorten|summari[sz]e|modify|turn|make|add|highlight|identify|find|edited|refactor|tense"
    r"|voice|sentence|paragraph|passage|text|code)\b"
)


@check(
    "answer_copies_prompt",
    "Answer copies the question",
    "fix",
    version=2,
    kinds=("free_form",),
    options={"share": 0.8, "characters": 40},
)
def answer_copies_prompt(rows: Rows) -> pa.Table:
    """Finds: a last answer that is the user's turn before it, or of whose 3-character pieces 80 % stand in that turn,
    where neither is much longer than the other. Case, blanks and punctuation do not count.

    The first 60% of the turn have to stand in the answer word by word.

    Why it hurts training: the model learns to give back what it was asked.

    False alarms: "repeat after me", corrections of spelling, edits of code or text; a turn that asks for one of
    these is left alone, and so are answers cut out of a longer text. An edit that only the system prompt asks for is
    found all the same; a copied turn with a word that often asks for an edit (find, make, text) is missed.

    How to fix: write the answer, or drop the row.

    Example: 93% of the answer in turn 2 is the question repeated.
    """
    return rows.found(
        """
        with spoken as (
            select seq, answer_turn, answer,
                normalise(answer) as said,
                normalise(texts[answer_turn - 1]) as asked
            from rows
            where answer_turn > 1 and roles[answer_turn - 1] = 'user'
                and len(answer) between $characters and 4 * len(texts[answer_turn - 1])
                and len(texts[answer_turn - 1]) <= 3 * len(answer)
        ), piece as (
            select seq, answer_turn, answer, said, asked,
                list_distinct(list_transform(range(1, len(said) - 1), lambda i: said[i : i + 2])) as pieces,
                list_distinct(list_transform(range(1, len(asked) - 1), lambda i: asked[i : i + 2])) as theirs
            from spoken
            where said <> '' and len(said) <= 20000
                and not regexp_matches(asked, $wanted)
        ), shared as (
            select seq, answer_turn, answer,
                case when said = asked then 1.0
                    else len(list_intersect(pieces, theirs)) / greatest(len(pieces), 1) end as share
            from piece
            where contains(said, left(asked, (0.6 * len(asked))::integer))
        )
        select seq, 'fix', answer_turn - 1, 0, len(answer),
            round(100 * share)::integer || '% of the answer in turn ' || answer_turn
                || ' is the question repeated. The model would learn to give the question back; write the answer.',
            share
        from shared
        where share >= $share
        order by seq
        """,
        {
            "share": float(rows.options["share"]),
            "characters": int(rows.options["characters"]),
            "wanted": _WANTED,
        },
    )
