"""Evals: who to measure, the scores with their intervals, and each answer against the expected one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from curation import jobs, versions
from curation.versions import Version
from evals.evaluation import Evaluation
from evals.grading import Kind
from workbench import actions, chores, measured, state
from workbench.screens import evals_grade, evals_slices
from workbench.widgets import text
from workbench.widgets.candidate_form import candidate_form
from workbench.widgets.figures import says
from workbench.widgets.pair import choose, pair
from workbench.widgets.progress import job_buttons, job_line
from workbench.widgets.scores import summary_scores
from workbench.widgets.trend import trend

_PARTS: dict[str, Kind | None] = {
    "Compare": None,
    "Slices": None,
    "Blind A/B": "pair",
    "Pass or fail": "single",
    "Expected answers": "reference",
}


def screen() -> None:
    """Draw the screen."""
    text.title("Evals", "Everything here is about validation rows. Test rows stay sealed until a verdict.")
    version = versions.newest(state.project())
    if version is None:
        if text.empty("No version is frozen yet, so there is nothing to measure on.", "Go to Splits"):
            st.switch_page(state.page("splits"))
        return
    chore = chores.finished("measure")
    if chore is not None and chore.error is not None:
        text.failure(chore.error)
    found = measured.all_evaluations(state.project())
    _new(version, first=not found)
    if found:
        _chosen(found)
        _over_time()


def _over_time() -> None:
    with st.expander("Over time", key="over-time", on_change="rerun") as opened:
        if opened.open and (points := measured.trend(state.project())):
            text.plain(
                "Every measured candidate, versions and runs through. Only the same rows compare.", "dim"
            )
            trend(points, says(points[-1].scorer))


def _new(version: Version, *, first: bool) -> None:
    task = state.current_task()
    if first:
        text.plain("No answers yet. Ask the untrained model first: that is what a fine-tune must beat.")
    chosen, cap = candidate_form(
        measured.candidates(state.project(), task),
        actions.baseline_candidates(task) if first else [],
        first=first,
        ready=task is not None,
    )
    if chosen:
        error = actions.attempt(lambda: actions.measure(state.store(), version, chosen, max_cost=cap))
        st.rerun() if error is None else text.failure(error)


def _chosen(found: list[tuple[Path, Evaluation, jobs.Status]]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        names = [folder.name for folder, _, _ in found]
        first = next((i for i, one in enumerate(found) if one[1].split == "validation"), 0)
        name = st.selectbox(
            "Evaluation",
            names,
            index=first,
            key="evaluation",
            bind="query-params",
            label_visibility="collapsed",
            width=130,
        )
        folder, made, status = next((one for one in found if one[0].name == name), found[first])
        text.plain(
            f"{', '.join(made.names)} on {made.rows:,} {made.split} rows of {Path(made.version).name}", "dim"
        )
    if status.state != "done":
        st.fragment(_at_work, run_every=None if status.ended else "2s")(folder)
        return
    if made.split == "test":
        _sealed(folder)
        return
    if len(made.names) < 2:
        summary_scores(made.names, measured.summary(folder), made.primary)
        text.plain("Measure a second candidate together with this one to compare answers row by row.", "dim")
    else:
        _two(folder, made)


def _sealed(folder: Path) -> None:
    text.plain("Test rows: scores open with the verdict, and who got which row right stays sealed.", "dim")
    st.page_link(state.page("verdict"), label="Go to the verdict")
    if st.toggle("Check the expected answers where all candidates disagree with them", key="references"):
        evals_grade.draw(folder, "reference", candidate="", baseline="")


def _two(folder: Path, made: Evaluation) -> None:
    """Two candidates: their answers side by side, or graded by people, who see neither names nor scores."""
    above = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="pair"):
        chosen = choose(made.names)
        part = st.segmented_control(
            "How",
            list(_PARTS),
            default="Compare",
            required=True,
            key="how",
            label_visibility="collapsed",
            bind="query-params",
        )
    if chosen is None:
        text.plain("Choose two different candidates.", "dim")
        return
    kind = _PARTS.get(str(part))
    if kind is not None:
        evals_grade.draw(folder, kind, candidate=chosen[0], baseline=chosen[1])
        return
    if part == "Slices":
        evals_slices.draw(folder, *chosen)
        return
    with above:
        summary_scores(made.names, measured.summary(folder), made.primary)
    traced = pair(folder, *chosen, state.who())
    if traced:
        st.switch_page(state.page("review"), query_params={"near": traced})


def _at_work(folder: Path) -> None:
    status = jobs.state(folder)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width=520):
            job_line(status, measured.title(folder))
        job_buttons(status, status.id)
    if status.state == "done":
        st.rerun()
