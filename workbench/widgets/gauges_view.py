"""The gauges of a version: three sentences, and the answers, words and rows behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from curation.gauges import Gauges
from workbench.widgets import text
from workbench.widgets.table import table


def gauges_view(found: Gauges, review: Callable[[str, Sequence[str]], None]) -> None:
    """Draw them.

    Args:
        found: what was measured.
        review: draws a link, of this label, to the rows with these ids.
    """
    for one in found.readings:
        text.plain(one.sentence, one.tone)
        if one.name == "answers" and found.answers.shown:
            table(
                [
                    {"value": v.value, "test": v.test_rows, "train": v.train_questions}
                    for v in found.answers.shown
                ],
                [("value", "Expected on both sides"), ("test", "Test rows"), ("train", "Questions of train")],
                right=("test", "train"),
                wide="value",
            )
    if not found.shift.clear:
        return
    table(
        [
            {
                "word": w.word,
                "side": w.side,
                "test": f"{100 * w.test:.1f} %",
                "train": f"{100 * w.train:.1f} %",
            }
            for w in found.shift.words
        ],
        [
            ("word", "Word"),
            ("side", "Speaks for"),
            ("test", "Of test prompts"),
            ("train", "Of train prompts"),
        ],
        right=("test", "train"),
    )
    table(
        [{"prompt": r.prompt, "chance": f"{r.chance:.2f}"} for r in found.shift.rows],
        [("prompt", "Test rows that look least like train"), ("chance", "Looks like test")],
        right=("chance",),
        wide="prompt",
    )
    review("Review the rows that look like test", [r.id for r in found.shift.rows])
