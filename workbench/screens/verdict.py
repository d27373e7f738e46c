"""Verdict: ship, do not ship, or not enough evidence, in one sentence; the gate; the numbers one click below."""

from __future__ import annotations

import streamlit as st

from curation import jobs, versions
from curation.errors import TouchstoneError
from curation.versions import Version
from evals import evaluation, looks, page, report
from evals import verdict as verdicts
from evals.report import Asked
from workbench import actions, chores, measured, state
from workbench.widgets import text
from workbench.widgets.pair import forget_unknown
from workbench.widgets.progress import job_buttons, job_line
from workbench.widgets.verdict_card import verdict_card


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
    others = [name for name in _measured_names() if name not in runs]
    if not runs and not others:
        if text.empty(
            "No run has finished yet. The verdict says whether one is worth shipping.", "Go to Train"
        ):
            st.switch_page(state.page("train"))
        return
    candidates = [*runs, *others]
    forget_unknown("candidate", candidates)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        candidate = str(
            st.selectbox("Candidate", candidates, key="candidate", bind="query-params", width=200)
        )
        baselines = measured.rivals(state.project(), candidate) or actions.baseline_candidates(task)
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
            specs = measured.specs(project, [candidate, *against])
            error = actions.attempt(lambda: actions.measure(state.store(), version, specs, split="test"))
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
        found = verdicts.judge(folder, candidate, against)
        asked = Asked(candidate, tuple(against))
        verdict_card(found, str(project.folder), lambda: page.render(report.gather(folder, asked)))
        st.page_link(state.page("evals"), label="Read failures on validation")
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
