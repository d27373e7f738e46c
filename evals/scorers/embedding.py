"""Nearness in meaning by the task's embedder: a diagnostic, never a decider."""

from __future__ import annotations

from collections.abc import Sequence

from evals.scorers.score import Asked, Score, ScoringContext, scorer


def _judge_all(asked: Sequence[Asked]) -> list[list[Score]]:
    """All pairs at once: every distinct text is embedded one time."""
    from curation.embed import vectors

    judged = [one for one in asked if one.expected.strip() and one.answer.strip()]
    embedder = asked[0].context.embedder if asked else ""
    wanted = vectors([one.expected for one in judged], embedder)
    given = vectors([one.answer for one in judged], embedder)
    cosines = iter((wanted * given).sum(axis=1).tolist() if judged else [])
    return [[_unjudged(one) or _near(next(cosines))] for one in asked]


def _unjudged(one: Asked) -> Score | None:
    """The score of a pair with an empty side."""
    if not one.expected.strip():
        return Score("embedding", None, "bad_reference: the expected answer is empty")
    return None if one.answer.strip() else Score("embedding", 0.0, "empty: the answer is empty")


def _near(cosine: float) -> Score:
    return Score("embedding", min(1.0, max(0.0, cosine)), f"cosine: {cosine:.2f}")


@scorer("embedding", "Near in meaning", binary=False, diagnostic=True, judge_all=_judge_all)
def embedding(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """How near the answer is to the expected one in meaning.

    Measures: the cosine of both under the task's embedder, 0 where it is negative.

    Traps: a negation or another number hardly moves it, so it is shown and never decides.

    Example: "Your parcel is on its way." and "The package has been sent." are near; so is "Your parcel is not on
    its way."
    """
    return _judge_all([Asked(expected, answer, context)])[0]
