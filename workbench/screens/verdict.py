"""Verdict: ship, do not ship, or not enough evidence, in one sentence; the gate; the numbers one click below."""

from __future__ import annotations

import json

import streamlit as st

from curation import jobs, versions
from curation.errors import TouchstoneError
from curation.versions import Version
from evals import evaluation, looks
from evals import verdict as verdicts
from evals.verdict import Verdict
from workbench import actions, chores, measured, state
from workbench.widgets import text
from workbench.widgets.progress import job_buttons, job_line
from workbench.widgets.table import table

_TONES = {"ship": "good", "do_not_ship": "bad", "not_enough_evidence": "warn", "withheld": "bad"}


def screen() -> None:
    """Draw the screen."""
    text.title(
        "Verdict", "Computed from stored answers to the sealed test rows, by a rule that was fixed before."
    )
    version, task = versions.newest(state.project()), state.current_task()
    if version is None or task is None:
        if text.empty("A verdict needs a frozen version and a task without mistakes.", "Go there"):
            st.switch_page(state.page("splits" if task else "settings"))
        return
    runs = measured.finished_runs(state.project())
    if not runs:
        if text.empty(
            "No run has finished yet. Train one; the verdict then says whether it is worth shipping.",
            "Go to Train",
        ):
            st.switch_page(state.page("train"))
        if not _measured_names():
            return
    candidates = [*runs, *[name for name in _measured_names() if name not in runs]] or ["prompt"]
    baselines = actions.baseline_candidates(task)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        candidate = str(
            st.selectbox("Candidate", candidates, key="candidate", bind="query-params", width=200)
        )
        known = [*dict.fromkeys([*baselines, *(name for name in candidates if name != candidate)])]
        against = st.multiselect(
            "Must beat",
            known,
            default=[b for b in baselines if b != candidate],
            key="against",
            bind="query-params",
            width=460,
        )
    if not against:
        text.plain("Name at least one baseline to beat.", "warn")
        return
    for name in ("measure",):
        chore = chores.finished(name)
        if chore is not None and chore.error is not None:
            text.failure(chore.error)
    _judge(version, candidate, [str(one) for one in against])


def _measured_names() -> list[str]:
    """Whatever was ever measured and is no cheap baseline, newest first."""
    names = [name for _, made, _ in measured.all_evaluations(state.project()) for name in made.names]
    return [name for name in dict.fromkeys(names) if name not in ("prompt", "majority", "nearest", "linear")]


def _judge(version: Version, candidate: str, against: list[str]) -> None:
    project = state.project()
    folder = evaluation.newest_on_test(project, version.folder, [candidate, *against])
    if folder is None:
        waiting = [
            one
            for one in measured.all_evaluations(project)
            if one[1].split == "test" and one[2].state != "done"
        ]
        if waiting:
            st.fragment(_at_work, run_every=None if waiting[0][2].ended else "2s")(waiting[0][2])
            return
        n = version.manifest.counts.test
        text.plain(
            f"{candidate} has not answered the {n:,} sealed test rows together with {', '.join(against)} yet.",
            "dim",
        )
        if st.button(f"Measure on the sealed {n:,} rows", type="primary", key="measure-test"):
            error = actions.attempt(
                lambda: actions.measure(state.store(), version, [candidate, *against], split="test")
            )
            st.rerun() if error is None else text.failure(error)
        return
    register = project.evals / looks.REGISTER
    seen = any(one.evaluation == folder.name and one.candidate == candidate for one in looks.read(register))
    asked = st.session_state.get("asked-for") == (folder.name, candidate)
    if not seen and not asked:
        number = 1 + len(looks.read(register))
        text.plain(
            f"All answers are there. This would be verdict {number} on these rows; each one costs confidence.",
            "dim",
        )
        if st.button("Give the verdict", type="primary", key="judge"):
            st.session_state["asked-for"] = (folder.name, candidate)
            st.rerun()
        return
    try:
        _show(verdicts.judge(folder, candidate, against))
    except TouchstoneError as error:
        text.failure(error)


def _at_work(status: jobs.Status) -> None:
    now = jobs.state(status.folder)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width=520):
            job_line(now, measured.title(status.folder))
        job_buttons(now, now.id)
    if now.state == "done":
        st.rerun()


def _show(found: Verdict) -> None:
    text.verdict(found.headline, " ".join(found.sentences), _TONES[found.verdict])
    tones = {(i, "passed"): "good" if check.passed else "bad" for i, check in enumerate(found.checks)}
    text.heading("The gate", "every line must hold")
    table(
        [
            {"rule": check.rule, "value": check.value, "passed": "holds" if check.passed else "does not hold"}
            for check in found.checks
        ],
        [("rule", "Rule"), ("value", "Seen"), ("passed", "")],
        tones=tones,
    )
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
                    "difference": measured.points(one.paired.difference),
                    "interval": f"{measured.points(one.paired.low)} to {measured.points(one.paired.high)}",
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
                ("p", "Mid-p"),
            ],
            right=("n", "won", "lost", "right", "wrong", "difference", "interval", "p"),
        )
        confidence = f"{100 * found.confidence:.1f} %" if found.confidence else "not given"
        text.plain(
            f"Confidence {confidence}. Scorer {found.scorer}. Version {found.version}. Evaluation {found.evaluation}. "
            f"Answers {found.answers_fingerprint[:12]}. Anybody with the project folder can compute this again: "
            f"workbench verdict {state.project().folder} --candidate {found.candidate}",
            "dim",
        )
    with st.container(horizontal=True):
        st.download_button(
            "Download as JSON",
            json.dumps(found.as_json(), ensure_ascii=False, indent=2, default=str),
            file_name=f"verdict-{found.evaluation}.json",
            mime="application/json",
            on_click="ignore",
        )
        st.page_link(state.page("evals"), label="Read failures on validation")
