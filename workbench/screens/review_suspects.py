"""Review by doubt: labels that the rows like them contradict, the likeliest mistakes first, each explained."""

from __future__ import annotations

import streamlit as st

from curation import label_errors, meaning
from curation.errors import NotReady
from curation.label_errors import Ranking
from curation.task import Task
from workbench import actions, chores, doubts, state
from workbench.screens import review_list
from workbench.selection import Selection
from workbench.widgets import text
from workbench.widgets.figures import counted
from workbench.widgets.table import table

_PAIRS = 30


def draw(chosen: Selection) -> None:
    """Draw the ranked rows of a selection."""
    store, task = state.store(), state.current_task()
    if task is None:
        text.plain("The task has mistakes. Mend it in Settings; then labels can be ranked.", "dim")
        return
    chore = chores.finished("suspects")
    if chore is not None and chore.error is not None:
        text.failure(chore.error)
    ranking = label_errors.last(store)
    try:
        stale = ranking is None or ranking.field != label_errors.field_of(task)
    except NotReady as error:
        text.failure(error)
        return
    if ranking is None or stale:
        _start(task)
        return
    _bar(task, ranking)
    kept = st.session_state.get("ranked")
    listed = st.session_state["ranked"] = doubts.ranked(store, chosen, ranking, kept)
    review_list.draw(listed, doubts.explain)


def _start(task: Task) -> None:
    """Nothing was ranked yet: what it takes, and the button."""
    store = state.store()
    if chores.running() is not None:
        text.plain("The ranking is shown here when it is ready.", "dim")
        return
    time, rows = meaning.about(label_errors.seconds(store, task)), meaning.estimate(store, task.embedder).rows
    text.warning(meaning.foreign(store, task.embedder))
    if text.empty(f"Ranking labels needs vectors: {time} for {counted(rows, 'row')}.", "Rank them"):
        actions.rank_labels(store)
        st.rerun()


def _bar(task: Task, ranking: Ranking) -> None:
    """How many are doubted, whether to go on, and which labels are taken for which."""
    store = state.store()
    stop = label_errors.stop(store)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="doubts"):
        text.plain(
            f"{ranking.flagged:,} of {ranking.rows:,} labels are contradicted clearly. {stop.sentence}",
            "good" if stop.enough else "",
        )
        st.space("stretch")
        if not label_errors.is_current(store) and chores.running() is None:
            if st.button("Rows have changed: rank again", type="tertiary", key="rank-again"):
                actions.rank_labels(store)
                st.rerun()
    text.warning(meaning.foreign(store, task.embedder))
    if ranking.pairs:
        with st.expander(f"Which labels look like which ({len(ranking.pairs):,} pairs)"):
            table(
                [{"given": a, "suggested": b, "rows": n} for a, b, n in ranking.pairs[:_PAIRS]],
                (("given", "Given label"), ("suggested", "Looks like"), ("rows", "Rows")),
                right=("rows",),
            )
            if ranking.rare:
                text.note(f"Too rare to learn, judged by neighbours alone: {', '.join(ranking.rare)}")
