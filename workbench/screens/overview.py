"""Overview: the loop with live numbers, the one next step, what is at work, what changed last."""

from __future__ import annotations

import streamlit as st

from curation import decisions
from workbench import actions, measured, standing, state
from workbench.widgets import text
from workbench.widgets.figures import counted, says
from workbench.widgets.press import press
from workbench.widgets.progress import job_buttons, job_line
from workbench.widgets.scores import scores
from workbench.widgets.table import table


def screen() -> None:
    """Draw the screen."""
    now = standing.measure(state.store(), state.current_task())
    text.title(state.project().name)
    _strip(now)
    _next(now)
    if now.at_work:
        st.fragment(_jobs, run_every="2s")()
    with st.container(key="below"):
        left, right = st.columns(2, gap="large")
    with left:
        _changes()
    with right:
        _advice(now)


def _strip(now: standing.Standing) -> None:
    counts, version = now.counts, now.version
    held = version.manifest.counts if version else None
    best = measured.best_score(state.project())
    cells = (
        (
            "import",
            "Examples",
            f"{counts.examples:,}",
            f"from {counted(counts.sources, 'source')}",
        ),
        (
            "review",
            "To look at",
            f"{counts.flagged:,}",
            f"{counts.undecided:,} undecided, {counts.dropped:,} dropped",
        ),
        (
            "splits",
            "Held out",
            f"{held.test:,}" if held else "none",
            f"{version.name}, {held.train:,} to train on" if version and held else "no version is frozen",
        ),
        ("evals", "Best score", best[1] if best else "none", best[0] if best else "nothing is measured yet"),
        ("train", "Runs", f"{now.runs:,}", measured.last_run(state.project())),
        ("verdict", "Verdicts", f"{now.verdicts:,}", "on the sealed test set"),
    )
    with st.container(horizontal=True, gap="small", key="loop"):
        for name, title, value, detail in cells:
            with st.container(width=172, key=f"loop-{name}", gap=None):
                st.page_link(state.page(name), label=title)
                text.figure(value, detail)


def _next(now: standing.Standing) -> None:
    step = actions.next_step(now)
    with st.container(key="next", gap="small"):
        text.headline(step.sentence)
        with st.container(horizontal=True, vertical_alignment="center"):
            work = step.work
            if work is not None:
                press(step.button, lambda: work(state.store()), key="next-work", type="primary")
            elif st.button(step.button, type="primary", key="next-step"):
                st.switch_page(state.page(step.page), query_params=step.query)
            if step.other:
                st.page_link(state.page(step.other[0]), label=step.other[1])


def _jobs() -> None:
    """Redrawn by itself while anything is at work; the whole page follows when something ends."""
    now = standing.measure(state.store(), state.current_task())
    text.heading("At work")
    for status in now.at_work:
        with st.container(horizontal=True, vertical_alignment="center", key=f"job-{status.id}"):
            with st.container(width=460):
                job_line(status, measured.title(status.folder))
            job_buttons(status, status.id)
    if not now.at_work:
        st.rerun()


def _changes() -> None:
    recent = decisions.recent(state.store(), 8)
    text.heading("What changed last")
    if not recent:
        text.plain("Nothing yet.", "dim")
        return
    table(
        [
            {"when": one.made.astimezone().strftime("%d %b %H:%M"), "what": one.summary, "who": one.who}
            for one in recent
        ],
        [("when", "When"), ("what", "What"), ("who", "Who")],
        wide="what",
        tight=("when",),
    )
    with st.container(horizontal=True):
        press("Undo the newest", lambda: decisions.undo(state.store(), who=state.who()), key="undo")
        press("Redo", lambda: decisions.redo(state.store(), who=state.who()), key="redo")


def _advice(now: standing.Standing) -> None:
    found = measured.newest_scores(state.project())
    if found is None or now.version is None or now.task is None:
        text.heading("Prompt or fine-tune?")
        text.plain(
            "This fills as candidates are measured on the validation rows: the plain prompt, examples in the "
            "prompt, a lookup, a linear model, your runs. Whoever wins there goes to the verdict.",
            "dim",
        )
        return
    version, given = now.version, measured.advice(state.project(), now.version, now.task)
    text.heading(
        "Prompt or fine-tune?", f"on {found.rows:,} validation rows of {found.version}, 95 % intervals"
    )
    text.headline(given.headline)
    text.plain(" ".join((*given.because, given.if_wrong)), "dim")
    scores(found.scores, says(found.scorer))
    if given.missing:
        with st.container(horizontal=True, vertical_alignment="center"):
            press(
                "Measure what is missing",
                lambda: actions.measure(state.store(), version, given.missing),
                key="advise",
            )
            text.plain(f"Not measured: {', '.join(given.missing)}.", "dim")
