"""The scorer of tool calls: the right tools, the right arguments, in the right order, or rightly none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evals.scorers import calls
from evals.scorers.calls import Call
from evals.scorers.fields import compare_leaves, leaf_score, say
from evals.scorers.score import Argument, Score, ScoringContext, scorer

_ANY_ORDER = "any_order"


def _problem(argument: str) -> str:
    return "" if argument == _ANY_ORDER else f"only {_ANY_ORDER} may follow"


@scorer("tool_call", "Right tool calls", takes=Argument(_ANY_ORDER, _problem, optional=True))
def tool_call(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The answer calls the expected tools with the expected arguments, or none where none is expected.

    Measures: 1 if the calls are the same: as many, the same names, every argument with its type, in the same
    order (`tool_call:any_order` lets them come in any), else 0. Name and each argument also get a score
    of 1 or 0 under their path. Where the expected answer is a text, 1 if no tool is called, whatever is
    said. Calls are read from JSON, from a message with `tool_calls`, and from the marks of chat
    templates (`<tool_call>`, `[TOOL_CALLS]`); calls among prose count under `lenient`.

    Traps: a text beside a call is not judged. Arguments left at their default are missing. Ids of
    calls do not count.

    Example: expected `[{"name": "track", "arguments": {"order": 7}}]`; a call with `"order": "7"` gives 0:
    `wrong: $[0].arguments.order expected 7, got "7"`.
    """
    wanted, given = calls.of_text(expected).calls, calls.of_text(answer, context.finish)
    if given.problem:
        return [Score("tool_call", 0.0, f"broken_call: {given.problem}", parse_level="none")]
    if not context.accepts(given.level):
        reason = f"format: the call is readable only under the {given.level} rule"
        level_score = Score(
            "tool_call", 0.0, reason, extracted=calls.as_text(given.calls), parse_level=given.level
        )
        return [level_score] if given.calls else [_without(wanted, given.calls)]
    if not wanted or not given.calls:
        return [_without(wanted, given.calls)]
    return _compared(wanted, _aligned(wanted, given.calls) if context.argument else given.calls)


def _without(wanted: Sequence[Call], given: Sequence[Call]) -> Score:
    """The score where at least one side makes no call."""
    if not wanted and not given:
        return Score("tool_call", 1.0, "no_call: none was made, as expected")
    if wanted:
        return Score("tool_call", 0.0, f"missing_call: expected {_names(wanted)}, none was made")
    return Score("tool_call", 0.0, f"unwanted_call: {_names(given)}", extracted=calls.as_text(given))


def _compared(wanted: Sequence[Call], given: Sequence[Call]) -> list[Score]:
    """The whole answer's score, then one a name and argument."""
    found = compare_leaves(_plain(wanted), _plain(given))
    wrong = [leaf for leaf in found if leaf.kind != "equal"]
    swapped = bool(wrong) and sorted(map(str, given)) == sorted(map(str, wanted))
    reason = "; ".join(map(say, wrong)) or f"right: {_names(wanted)}"
    if swapped:
        reason = f"order: expected {_names(wanted)}, got {_names(given)}"
    overall = Score(
        "tool_call", float(not wrong), reason, extracted=calls.as_text(given), parse_level="strict"
    )
    return [overall, *(leaf_score("tool_call", leaf, overall) for leaf in found)]


def _aligned(wanted: Sequence[Call], given: Sequence[Call]) -> list[Call]:
    """The given calls in the order of the expected ones they agree with most; the rest behind them."""
    rest, found = list(given), []
    for one in wanted:
        if rest:
            best = max(rest, key=lambda other: _agreement(one, other))
            rest.remove(best)
            found.append(best)
    return [*found, *rest]


def _agreement(one: Call, other: Call) -> tuple[bool, float]:
    leaves = compare_leaves(_plain([one]), _plain([other]))
    return one.name == other.name, sum(leaf.kind == "equal" for leaf in leaves) / len(leaves)


def _plain(found: Sequence[Call]) -> list[dict[str, Any]]:
    return [{"name": one.name, "arguments": one.arguments} for one in found]


def _names(found: Sequence[Call]) -> str:
    return ", ".join(one.name for one in found)
