"""Train: the recipe with the reason of each default, a look ahead on real tokens, the gate, the run as it goes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from curation import jobs, versions
from curation.errors import NoBaseline, TouchstoneError
from curation.versions import Version
from training import recipe as recipes
from training import runs
from training.curve import samples
from training.preflight import Preflight
from workbench import actions, chores, measured, state
from workbench.screens import train_compare
from workbench.widgets import text
from workbench.widgets.preflight import preflight
from workbench.widgets.press import press
from workbench.widgets.progress import job_buttons, job_line
from workbench.widgets.publish_form import publish_form
from workbench.widgets.recipe_form import recipe_form
from workbench.widgets.run_view import run_view


def screen() -> None:
    """Draw the screen."""
    text.title("Train", "A run is a recipe on a frozen version. It never sees a held-out row.")
    project = state.project()
    version = versions.newest(project)
    if version is None:
        if text.empty("Freeze a version first: training needs a held-out set it never sees.", "Go to Splits"):
            st.switch_page(state.page("splits"))
        return
    for name in ("train", "measure", "preflight", "publish"):
        chore = chores.finished(name)
        if chore is not None and chore.error is not None:
            text.failure(chore.error)
        elif chore is not None and name == "publish":
            text.plain(actions.published(chore.result), "good")
    found = runs.all_runs(project)
    if found:
        _runs(found)
    _new(version, first=not found)


def _runs(found: list[runs.Summary]) -> None:
    names = [one.id for one in reversed(found)]
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.selectbox(
            "Run", names, key="run", bind="query-params", width=220, label_visibility="collapsed"
        )
    folder = state.project().runs / str(chosen or names[0])
    if not jobs.state(folder).ended:
        st.fragment(_live, run_every="2s")(folder)
    else:
        _show(folder)
    if len(found) > 1:
        with st.expander(f"All {len(found)} runs", key="all-runs", on_change="rerun") as every:
            if every.open:
                train_compare.draw(found, folder.name)


def _live(folder: Path) -> None:
    """Drawn again every two seconds while the run is at work, the page once it has ended."""
    if jobs.state(folder).ended:
        st.rerun()
    _show(folder)


def _show(folder: Path) -> None:
    one = runs.describe(folder)
    with st.container(horizontal=True, vertical_alignment="center", key="run-line"):
        with st.container(width="content" if one.status.ended else 460):
            job_line(one.status, measured.title(folder))
        job_buttons(one.status, one.id)
        if one.status.state == "done":
            st.page_link(state.page("evals"), label="Measure it")
            publish_form(one.id, state.project(), partial(actions.publish, state.project(), one.id))
    run_view(one, runs.loss_curve(folder), samples(folder), folder / "log.txt")


def _new(version: Version, *, first: bool) -> None:
    counts = version.manifest.counts
    text.heading(
        "A new run",
        f"on {version.name}: {counts.train:,} rows to train on, {counts.validation:,} for the loss curve, "
        f"{counts.test:,} sealed",
    )
    made = [one.name for one in reversed(jobs.all_jobs(state.project().runs))]
    known = [*recipes.shipped_names(), *made]
    name = st.selectbox("Start from", known, index=known.index("seed"), key="recipe", width=260)
    own = state.project().runs / name / "recipe.yaml"
    start = recipes.load(own if name in made else name)
    try:
        recipe = recipe_form(recipes.fields(), start, key=name)
    except TouchstoneError as error:
        text.failure(error)
        return
    _ahead(version, recipe, name)
    _launch(version, recipe, name, first=first)


def _ahead(version: Version, recipe: recipes.Recipe, name: str) -> None:
    chore = chores.finished("preflight")
    if chore is not None and chore.error is None:
        st.session_state["preflight"] = chore.result
    kept: tuple[str, str, Preflight] | None = st.session_state.get("preflight")
    if kept is not None and kept[:2] == (recipe.hash, version.name):
        preflight(kept[2])
    elif st.button("Look ahead: tokens, what is left out, memory and time", key="ahead"):
        error = actions.attempt(lambda: actions.look_ahead(state.store(), version, recipe))
        st.rerun() if error is None else text.failure(error)


def _launch(version: Version, recipe: recipes.Recipe, name: str, *, first: bool) -> None:
    try:
        baseline = runs.gate(state.project(), version.folder)
    except NoBaseline as gate:
        text.plain(
            f"{gate.message} A run is only worth something against what the untrained model can do.", "warn"
        )
        names = actions.baseline_candidates(state.current_task())
        press(
            "Measure the baseline",
            lambda: actions.measure(state.store(), version, names),
            key="baseline",
            type="primary",
        )
        return
    waiting = not jobs.state(baseline).ended
    if st.button("Start training", type="primary" if first else "secondary", key="start"):
        error = actions.attempt(lambda: actions.train(state.store(), version, recipe, name))
        st.rerun() if error is None else text.failure(error)
    text.plain(
        f"The baseline is {baseline.name}"
        + (", still at work: the run waits for it." if waiting else ", measured."),
        "dim",
    )
