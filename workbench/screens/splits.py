"""Splits: sizes, what must stay together, balance, what the test can detect; freeze; versions and their audit."""

from __future__ import annotations

import streamlit as st

from curation import leakage, versions
from curation.dedup import run as dedup
from curation.splits import NO_GROUP
from workbench import actions, chores, ledger, rows, standing, state
from workbench.widgets import text
from workbench.widgets.press import press
from workbench.widgets.table import table
from workbench.widgets.version_table import MOST_PAIRS, detectable, leaked_pairs, version_table


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
    _versions()


def _outcome() -> None:
    for name in ("split", "freeze"):
        chore = chores.finished(name)
        if chore is not None and chore.error is not None:
            text.failure(chore.error)
        elif chore is not None:
            said = f"{chore.result.name} is frozen." if name == "freeze" else chore.result.text
            text.plain(said, "good" if name == "freeze" else "")


def _form(now: standing.Standing) -> None:
    store, counts = state.store(), now.counts
    usable = counts.examples - counts.dropped - counts.blocked
    groups = [NO_GROUP, *(["group"] if ledger.has_groups(store) else []), *ledger.metadata_fields(store)]
    task = now.task
    wanted = (task.group if task else None) or "group"
    chosen = groups.index(wanted) if wanted in groups else 0
    text.heading("Sizes", f"{usable:,} examples; dropped and blocked ones are left out")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        test = _size("Test rows", now.counts.test, 500, usable)
        validation = _size("Validation rows", now.counts.validation, 200, usable)
        group = st.selectbox("Keep together", groups, index=chosen, key="group", width=180)
        pressed = st.button(
            "Split again" if counts.train else "Split",
            type="secondary" if counts.train else "primary",
            key="split",
            disabled=task is None,
        )
    text.plain(detectable(test), "dim")
    text.plain(_duplicates(), "dim")
    if pressed:
        error = actions.attempt(
            lambda: actions.split(store, test=test, validation=validation, group=group, stratify=None)
        )
        st.rerun() if error is None else text.failure(error)


def _size(label: str, now: int, most: int, usable: int) -> int:
    """A number of rows: as it is now, else a fifth of the rows and at most `most`."""
    start = now or max(1, min(most, usable // 5))
    return int(st.number_input(label, 1, max(1, usable), min(start, max(1, usable)), key=label, width=130))


def _duplicates() -> str:
    """What is known about copies, which splitting keeps together."""
    store = state.store()
    found = dedup.last(store)
    if found is None:
        return "Duplicates have not been looked for yet; splitting does that first."
    near = f"{found.near_pairs:,}" if found.near_pairs is not None else f"over {found.near_pairs_at_least:,}"
    return (
        f"{found.clusters:,} clusters of duplicates hold {found.clustered:,} examples: "
        f"{found.exact_groups:,} groups of exact copies, {near} pairs that are nearly the same."
        + ("" if dedup.is_current(store) else " Out of date: splitting looks again.")
    )


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
    spread = ledger.balance(state.store())
    if len(spread) > 1:
        with st.expander(f"Balance over {len(spread)} labels"):
            table(
                spread,
                [("label", "Label"), ("train", "Train"), ("validation", "Validation"), ("test", "Test")],
                right=("train", "validation", "test"),
            )
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


def _versions() -> None:
    found = list(reversed(versions.all_versions(state.project())))
    if not found:
        return
    text.heading("Versions")
    version_table(found)
    leaking = next((one for one in found if not one.manifest.audit.clean), None)
    if leaking is not None:
        audit = leakage.read_audit(leaking.folder)
        text.heading(
            f"What leaks in {leaking.name}",
            "no training and no verdict on it; drop one of each pair and split again",
        )
        leaked_pairs(audit)
        ids = dict.fromkeys(one for pair in audit.pairs[:MOST_PAIRS] for one in (pair.id_a, pair.id_b))
        st.page_link(state.page("review"), label="Review these rows", query_params={"ids": ",".join(ids)})
    if len(found) > 1:
        change = versions.compare(found[1], found[0])
        text.plain(
            f"From {found[1].name} to {found[0].name}: {len(change.added):,} added, {len(change.removed):,} removed, "
            f"{len(change.edited):,} edited, {len(change.moved):,} moved.",
            "dim",
        )
