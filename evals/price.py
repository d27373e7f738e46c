"""What answers at an endpoint cost: estimated before anything is asked, and held to a cap while asking.

Prices are per million tokens in whatever currency the task means; without prices nothing can be promised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curation.errors import BadUsage
from curation.files import canonical_json
from curation.task import EndpointSettings

BYTES_A_TOKEN = 3  # English is nearer to 4, other scripts to 3: the estimate is on the safe side


def tokens_of(request: Mapping[str, Any]) -> int:
    """About how many tokens a question has, from the length of its JSON."""
    return len(canonical_json(dict(request)).encode()) // BYTES_A_TOKEN + 1


def cost(settings: EndpointSettings, tokens_in: int, tokens_out: int) -> float:
    """The cost of so many tokens; 0 where no price is known."""
    return ((settings.price_in or 0) * tokens_in + (settings.price_out or 0) * tokens_out) / 1_000_000


def at_most(settings: EndpointSettings, request: Mapping[str, Any]) -> float:
    """About the most that one question can cost: its tokens, and an answer as long as it may be."""
    longest = request.get("max_completion_tokens") or request.get("max_tokens") or 0
    return cost(settings, tokens_of(request), longest if isinstance(longest, int) else 0)


def check(
    asked: Mapping[str, tuple[EndpointSettings, Sequence[Mapping[str, Any]]]], cap: float | None
) -> None:
    """Refuse questions that cost money nobody has agreed to.

    Args:
        asked: for each candidate at an endpoint its settings and its questions.
        cap: the most that all of them together may cost.

    Raises:
        BadUsage: no cap was given, or the estimate is above it, or there is a cap and no price.
    """
    unpriced = [name for name, (settings, _) in asked.items() if settings.price_in is None]
    if unpriced and cap is not None:
        raise BadUsage(
            f"A cap on the cost needs prices, and the task has none for {unpriced[0]}.",
            hint="Add price_in and price_out (per million tokens) under `endpoints` in task.yaml.",
        )
    estimate = sum(at_most(settings, one) for settings, questions in asked.values() for one in questions)
    if estimate > (cap or 0):
        over = "no cap was given" if cap is None else f"the cap is {cap:g}"
        count = sum(len(questions) for _, questions in asked.values())
        raise BadUsage(
            f"{' and '.join(asked)} would cost at most about {estimate:.4g} for {count:,} questions, and {over}. "
            "Nothing was asked.",
            hint=f"Agree with --max-cost {_rounded(estimate)}, or ask fewer rows with --limit.",
        )


def _rounded(estimate: float) -> str:
    """The estimate with two digits, never below it."""
    text = f"{estimate:.2g}"
    return text if float(text) >= estimate else f"{estimate * 1.05:.2g}"
