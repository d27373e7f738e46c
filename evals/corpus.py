"""Translation scores over all rows at once: what papers report beside the mean of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class Corpus(TypedDict):
    """chrF and BLEU of all answers together, 0 to 100, each with sacrebleu's signature."""

    chrf: float
    chrf_signature: str
    bleu: float
    bleu_signature: str


def corpus(answers: Sequence[str], accepted: Sequence[Sequence[str]]) -> Corpus:
    """Corpus chrF2 and BLEU (tokenizer 13a) as sacrebleu computes them.

    Args:
        answers: at least one.
        accepted: the accepted answers of each row, at least one.

    Source: Popović 2015; Papineni et al. 2002; Post 2018 for the signatures.
    """
    from sacrebleu.metrics import BLEU, CHRF

    most = max(map(len, accepted))
    references = [[row[i] if i < len(row) else None for row in accepted] for i in range(most)]
    chrf, bleu = CHRF(), BLEU()
    scores = [metric.corpus_score(list(answers), references).score for metric in (chrf, bleu)]
    return {
        "chrf": min(100.0, float(scores[0])), "chrf_signature": str(chrf.get_signature()),
        "bleu": min(100.0, float(scores[1])), "bleu_signature": str(bleu.get_signature()),
    }  # fmt: skip
