"""Splits: sizes, what must stay together, balance, what the test can detect; freeze; versions and their audit."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from curation.dedup.semantic import TOGETHER
from curation.groups import NO_GROUP
from workbench import actions, chores, ledger, measured, rows, splitting, standing, state
from workbench.screens import splits_gauges
from workbench.widgets import text
from workbench.widgets.press import press
from workbench.widgets.split_form import proposals, split_form
from workbench.widgets.table import table
from workbench.widgets.version_table import detectable, frozen_versions, spread_table

_PROPOSED = "split-proposed"


def screen() -> None:
    """Draw the screen."""
    text.title(
        "Splits", "Copies of one another, and rows of one group, stay on one side. Test rows are sealed."
    )
    store = state.store()
    if rows.nothing(store):
        if text.empty("There is nothing to split yet. Import a file with chats first.", "Import a file"):
            st.switch_page(state.page("import"))
        return
    _outcome()
    now = standing.measure(store, state.current_task())
    _form(now)
    if now.counts.train + now.counts.validation + now.counts.test:
        _made(now)
    frozen_versions(state.project(), _review)
    splits_gauges.draw(_review)


def _outcome() -> None:
    for name in ("split", "freeze", "propose"):
        chore = chores.finished(name)
        if chore is not None and chore.error is not None:
            text.failure(chore.error)
        elif chore is not None and name != "propose":
            said = f"{chore.result.name} is frozen." if name == "freeze" else chore.result.text
            text.plain(said, "good" if name == "freeze" else "")


def _form(now: standing.Standing) -> None:
    store, counts, task = state.store(), now.counts, now.task
    usable = counts.examples - counts.dropped - counts.blocked
    fields = splitting.fields(store)
    text.heading("Sizes", f"{usable:,} examples; dropped and blocked ones are left out")
    wanted = split_form(
        sizes=(
            counts.test or min(500, max(1, usable // 5)),
            counts.validation or min(200, max(1, usable // 5)),
        ),
        usable=usable,
        fields=fields,
        chosen=[one for one in [(task.group if task else None) or "group"] if one in fields],
        strata=splitting.strata(store, task),
        times=splitting.columns(store),
        meaning=splitting.by_meaning_known(store),
    )
    label, looks = ("Split again", "secondary") if counts.train else ("Split", "primary")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = st.button(label, type=looks, key="split", disabled=task is None)
        press("What belongs together?", lambda: splitting.propose(store, task), key="propose")
    text.plain(detectable(wanted.test, measured.discordance(state.project())), "dim")
    text.plain(splitting.duplicates(store), "dim")
    _proposals()
    if pressed:
        error = actions.attempt(
            lambda: actions.split(
                store,
                test=wanted.test,
                validation=wanted.validation,
                group=wanted.fields or (NO_GROUP,),
                stratify=None if task and wanted.stratify == task.stratify else wanted.stratify,
                time=wanted.time,
                semantic=TOGETHER if wanted.by_meaning else None,
            )
        )
        st.rerun() if error is None else text.failure(error)


def _proposals() -> None:
    chore = chores.finished("propose")
    if chore is not None and chore.error is None:
        st.session_state[_PROPOSED] = chore.result
    known = st.session_state.get(_PROPOSED)
    if known is None or known.folder != state.project().folder:
        return
    late = "" if known.revision == state.store().revision else "; the rows have changed since"
    text.heading("What belongs together", f"rows that would have to change side as the splits are now{late}")
    if known.found:
        proposals(known.found)
    else:
        text.plain("No field of this data speaks for keeping its rows together.", "dim")


def _made(now: standing.Standing) -> None:
    counts = now.counts
    text.heading("Now")
    text.facts(
        [
            ("Train", f"{counts.train:,}"),
            ("Validation", f"{counts.validation:,}"),
            ("Test", f"{counts.test:,}"),
            ("Without a split", f"{counts.unassigned:,}"),
        ]
    )
    spread_table(ledger.spread(state.store()))
    labels = ledger.balance(state.store())
    if len(labels) > 1:
        with st.expander(f"Balance over {len(labels)} labels"):
            table(
                labels,
                [("label", "Label"), ("train", "Train"), ("validation", "Validation"), ("test", "Test")],
                right=("train", "validation", "test"),
            )
    n, ids = ledger.refused(state.store(), splitting.MOST_IDS)
    if n:
        text.plain(f"{n:,} rows tie rows of two frozen splits together and are in none.", "warn")
        _review("Review the refused rows", ids)
    with st.container(horizontal=True, vertical_alignment="center"):
        press(
            "Freeze a version",
            lambda: actions.freeze(state.store()),
            key="freeze",
            type="primary",
            disabled=bool(counts.unassigned) or now.task is None,
        )
        if counts.unassigned:
            text.plain(f"{counts.unassigned:,} examples have no split yet: split again.", "warn")
        else:
            text.plain("Frozen rows never change. An unchanged state gives the version that is there.", "dim")


def _review(label: str, ids: Sequence[str]) -> None:
    query = {"ids": ",".join(ids[: 2 * splitting.MOST_IDS])}
    st.page_link(state.page("review"), label=label, query_params=query)
