"""A verdict: its sentence, the gate, and the numbers one click below."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import streamlit as st

from evals.guardrails import Guarded
from evals.report import TONES
from evals.rule import Check
from evals.verdict import GUARDRAIL, Verdict
from workbench.widgets import text
from workbench.widgets.figures import points, says
from workbench.widgets.table import table


def _gate(checks: Sequence[Check]) -> None:
    """What is asked of the verdict as a whole, a line each."""
    table(
        [
            {"rule": check.rule, "value": check.value, "passed": "holds" if check.passed else "does not hold"}
            for check in checks
        ],
        [("rule", "Rule"), ("value", "Seen"), ("passed", "")],
        tones={(i, "passed"): "good" if check.passed else "bad" for i, check in enumerate(checks)},
    )


def _against(checks: Sequence[Check]) -> None:
    """What is asked against each baseline: a row a baseline, a column a rule, red where it does not hold."""
    baselines = list(dict.fromkeys(check.against for check in checks))
    rules = list(dict.fromkeys(check.short for check in checks))
    seen = {(check.against, check.short): check for check in checks}
    table(
        [
            {
                "against": name,
                **{rule: seen[name, rule].value if (name, rule) in seen else "" for rule in rules},
            }
            for name in baselines
        ],
        [("against", "Against"), *((rule, rule.capitalize()) for rule in rules)],
        right=tuple(rules),
        tones={
            (i, rule): "good" if seen[name, rule].passed else "bad"
            for i, name in enumerate(baselines)
            for rule in rules
            if (name, rule) in seen
        },
    )


def _guarded(rails: Sequence[Guarded]) -> None:
    """What may not get worse, a line for each slice: what stood where, and how much would fit."""
    if not rails:
        return
    text.heading("Guardrails", "what may not get worse, whatever the average says")
    figures = [one.paired for one in rails]
    table(
        [
            {
                "what": one.slice or "all rows",
                "by": says(one.scorer),
                "against": one.against,
                "standing": one.standing + ("" if one.standing != "unknown" or one.blocks else ", does not block"),
                "margin": f"{100 * one.margin:.4g}",
                "won": paired.only_candidate if paired else None,
                "lost": paired.only_baseline if paired else None,
                "n": paired.n if paired else None,
                "interval": f"{points(paired.low)} to {points(paired.high)}" if paired else one.why,
            }
            for one, paired in zip(rails, figures, strict=True)
        ],
        [
            ("what", "Guarded"), ("by", "By"), ("against", "Against"), ("standing", "Stands"), ("margin", "Allowed"),
            ("won", "Better"), ("lost", "Worse"), ("n", "Rows"), ("interval", "Interval"),
        ],
        right=("margin", "won", "lost", "n", "interval"),
        tones={
            (i, "standing"): {"held": "good", "broken": "bad", "unknown": "warn"}[one.standing]
            for i, one in enumerate(rails)
        },
    )  # fmt: skip


def verdict_card(found: Verdict, project: str, report: Callable[[], str]) -> None:
    """Draw a verdict.

    Args:
        found: the verdict.
        project: how the command line names the project.
        report: writes the verdict as one HTML page, when it is asked for.
    """
    text.verdict(found.headline, " ".join(found.sentences), TONES[found.verdict])
    text.heading("The gate", "every line must hold")
    _gate([check for check in found.checks if not check.against and check.short != GUARDRAIL])
    _guarded(found.guardrails)
    _against([check for check in found.checks if check.against])
    for one in found.not_measured:
        text.plain(f"Not measured: {one.name}. {one.command}", "dim")
    with st.expander("The numbers behind it"):
        table(
            [
                {
                    "baseline": one.baseline,
                    "mode": one.mode,
                    "standing": one.standing.replace("_", " "),
                    "n": one.paired.n,
                    "won": one.paired.only_candidate,
                    "lost": one.paired.only_baseline,
                    "right": one.paired.both_right,
                    "wrong": one.paired.both_wrong,
                    "difference": points(one.paired.difference),
                    "interval": f"{points(one.paired.low)} to {points(one.paired.high)}",
                    "p": f"{one.paired.p:.4f}",
                }
                for one in found.comparisons
            ],
            [
                ("baseline", "Against"),
                ("mode", "To be"),
                ("standing", "Stands"),
                ("n", "Rows"),
                ("won", "Won"),
                ("lost", "Lost"),
                ("right", "Both right"),
                ("wrong", "Both wrong"),
                ("difference", "Points"),
                ("interval", "Interval"),
                ("p", "p"),
            ],
            right=("n", "won", "lost", "right", "wrong", "difference", "interval", "p"),
        )
        confidence = f"{100 * found.confidence:.1f} %" if found.confidence else "not given"
        text.plain(
            f"Confidence {confidence}. {says(found.scorer)}. Version {found.version}, evaluation {found.evaluation}, "
            f"answers {found.answers_fingerprint[:12]}. Anybody with the project folder can compute this again: "
            f"workbench verdict {project} --candidate {found.candidate}",
            "dim",
        )
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Download the report",
            report,
            file_name=f"report-{found.evaluation}.html",
            mime="text/html",
            on_click="ignore",
        )
        st.download_button(
            "Download as JSON",
            json.dumps(found.as_json(), ensure_ascii=False, indent=2, default=str),
            file_name=f"verdict-{found.evaluation}.json",
            mime="application/json",
            on_click="ignore",
        )
