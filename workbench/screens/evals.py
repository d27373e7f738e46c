"""Evals: who to measure, the scores with their intervals, and each answer against the expected one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from curation import jobs, versions
from curation.versions import Version
from evals import compare
from evals.evaluation import Evaluation
from workbench import actions, chores, measured, state
from workbench.widgets import text
from workbench.widgets.diff import diff
from workbench.widgets.progress import job_buttons, job_line, span
from workbench.widgets.scores import scores

_PAGE = 300
_SHOW = {
    "lost": "lost",
    "won": "won",
    "both_wrong": "both wrong",
    "both_right": "both right",
    "not_judged": "not judged",
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


def _new(version: Version, *, first: bool) -> None:
    task = state.current_task()
    cheap = list(task.traits.cheap_baselines) if task else []
    known = ["prompt", *cheap, "few-shot:2", "few-shot:4", *measured.finished_runs(state.project())]
    if first:
        text.plain("No answers yet. Ask the untrained model first: that is what a fine-tune must beat.")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.multiselect(
            "Measure on validation",
            known,
            default=["prompt", *cheap] if first else [],
            key="candidates",
            accept_new_options=True,
            width=520,
            placeholder="candidates",
            help="Or type one: few-shot:8, run:r001, answers:FILE.jsonl",
        )
        if st.button(
            "Measure",
            type="primary" if first else "secondary",
            key="measure",
            disabled=not chosen or task is None,
        ):
            error = actions.attempt(lambda: actions.measure(state.store(), version, chosen))
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
        text.plain(
            "Test rows: scores open with the verdict, and who got which row right stays sealed.", "dim"
        )
        st.page_link(state.page("verdict"), label="Go to the verdict")
        return
    _scores(folder, made)
    if len(made.names) < 2:
        text.plain("Measure a second candidate together with this one to compare answers row by row.", "dim")
    else:
        _compare(folder, made)


def _at_work(folder: Path) -> None:
    status = jobs.state(folder)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width=520):
            job_line(status, measured.title(folder))
        job_buttons(status, status.id)
    if status.state == "done":
        st.rerun()


def _scores(folder: Path, made: Evaluation) -> None:
    figures = measured.summary(folder)
    names = [name for name in made.names if name in figures]
    main = [figures[name][made.primary] for name in names]
    cells = [
        {
            "n": one["n"],
            "missing": one["missing"] or None,
            "cut": figures[name].get("truncated") or None,
            "tokens": figures[name].get("tokens_out") or None,
            "time": span(figures[name]["seconds"]) if figures[name].get("seconds") else None,
        }
        for name, one in zip(names, main, strict=True)
    ]
    titles = (("n", "Judged"), ("missing", "Missing"), ("cut", "Cut"), ("tokens", "Tokens"), ("time", "Time"))
    scores(
        [(name, one["mean"], one["low"], one["high"]) for name, one in zip(names, main, strict=True)],
        measured.says(made.primary),
        more=[(key, title) for key, title in titles if any(cell[key] is not None for cell in cells)],
        cells=cells,
    )


def _compare(folder: Path, made: Evaluation) -> None:
    runs = [name for name in made.names if name.startswith("run:")]
    baseline_first = "prompt" if "prompt" in made.names else made.names[0]
    others = [name for name in made.names if name != baseline_first]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="pair"):
        candidate = st.selectbox(
            "Candidate",
            made.names,
            index=made.names.index((runs or others)[-1]),
            key="candidate",
            bind="query-params",
            width=200,
        )
        baseline = st.selectbox(
            "Against",
            made.names,
            index=made.names.index(baseline_first),
            key="baseline",
            bind="query-params",
            width=200,
        )
    if candidate == baseline:
        text.plain("Choose two different candidates.", "dim")
        return
    counts = compare.quadrants(folder, str(candidate), str(baseline))
    words = {
        one: f"{getattr(counts, one):,} {_SHOW[one]}" for one in compare.QUADRANTS if getattr(counts, one)
    }
    gain = measured.points((counts.won - counts.lost) / counts.n)
    text.headline(
        f"{candidate} gets {counts.won:,} right that {baseline} gets wrong, and loses {counts.lost:,}: {gain} points on validation."
    )
    asked = st.query_params.get("show")
    show = st.segmented_control(
        "Rows",
        list(words),
        format_func=words.__getitem__,
        default=asked if asked in words else next(iter(words)),
        required=True,
        key="show",
        label_visibility="collapsed",
    )
    st.query_params["show"] = str(show)
    _rows(folder, str(candidate), str(baseline), str(show), getattr(counts, str(show), 0))


def _rows(folder: Path, candidate: str, baseline: str, show: str, total: int) -> None:
    page = compare.rows(
        folder,
        candidate,
        baseline,
        quadrant=next((q for q in compare.QUADRANTS if q == show), None),
        limit=_PAGE,
    )
    wanted = st.query_params.get("example")
    pos = next((i for i, row in enumerate(page) if row.id == wanted), 0)
    view = f"{folder.name}|{candidate}|{baseline}|{show}"
    here, traced = diff(
        page,
        key="diff",
        view=view,
        pos=pos,
        total=total,
        names=(baseline, candidate),
        traceable=True,
        empty="No such rows. Choose another group above.",
    )
    if here is not None and here < len(page) and page[here].id != wanted:
        st.query_params["example"] = page[here].id
        st.rerun()
    if traced:
        st.switch_page(state.page("review"), query_params={"near": f"{folder.name}:{traced}:{candidate}"})
    if total > _PAGE:
        text.plain(f"The first {_PAGE} of {total:,} rows.", "dim")
