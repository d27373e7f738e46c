"""Splits: sizes, what must stay together, balance, what the test can detect; freeze; versions and their audit."""

from __future__ import annotations

import streamlit as st

from curation import leakage, versions
from curation.dedup import run as dedup
from curation.versions import Version
from evals.significance import minimum_detectable_effect
from workbench import actions, chores, ledger, rows, standing, state
from workbench.widgets import text
from workbench.widgets.table import table

_NONE = "(nothing)"


def screen() -> None:
    """Draw the screen."""
    text.title(
        "Splits",
        "Rows that are copies of one another, or of one group, stay on one side. The test rows are sealed.",
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
    _versions(now.version)


def _outcome() -> None:
    for name in ("split", "freeze"):
        chore = chores.finished(name)
        if chore is not None and chore.error is not None:
            text.failure(chore.error)
        elif chore is not None and name == "freeze":
            text.plain(f"{chore.result.name} is frozen.", "good")


def _form(now: standing.Standing) -> None:
    store, counts = state.store(), now.counts
    usable = counts.examples - counts.dropped
    groups = [_NONE, *(["group"] if ledger.has_groups(store) else []), *ledger.metadata_fields(store)]
    task = now.task
    chosen = groups.index(task.group) if task and task.group in groups else 0
    text.heading("Sizes", f"{usable:,} examples, dropped ones left out")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        test = st.number_input(
            "Test rows",
            min_value=1,
            max_value=max(1, usable),
            value=max(1, min(500, usable // 5)),
            key="test",
            width=130,
        )
        validation = st.number_input(
            "Validation rows",
            min_value=1,
            max_value=max(1, usable),
            value=max(1, min(200, usable // 5)),
            key="validation",
            width=130,
        )
        group = st.selectbox("Keep together", groups, index=chosen, key="group", width=180)
        pressed = st.button(
            "Split again" if counts.train else "Split",
            type="secondary" if counts.train else "primary",
            key="split",
            disabled=task is None,
        )
    text.plain(_detectable(int(test)), "dim")
    found = dedup.last(store)
    if found is None:
        text.plain("Duplicates have not been looked for yet; splitting does that first.", "dim")
    else:
        current = "" if dedup.is_current(store) else " Out of date: splitting looks again."
        near = (
            f"{found.near_pairs:,}" if found.near_pairs is not None else f"over {found.near_pairs_at_least:,}"
        )
        text.plain(
            f"{found.clusters:,} clusters of duplicates hold {found.clustered:,} examples: "
            f"{found.exact_groups:,} groups of exact copies, {near} pairs that are nearly the same.{current}",
            "dim",
        )
    if pressed:
        error = actions.attempt(
            lambda: actions.split(
                store,
                test=int(test),
                validation=int(validation),
                group=None if group == _NONE else group,
                stratify=None,
            )
        )
        st.rerun() if error is None else text.failure(error)


def _detectable(n: int) -> str:
    """What a test of this size can show, before anything is measured."""
    gains = [minimum_detectable_effect(n, share) for share in (0.1, 0.2, 0.3)]
    if None in gains:
        return f"{n:,} test rows are too few to show a gain reliably. Take more, or collect more rows."
    low, middle, high = (f"{100 * gain:.1f}" for gain in gains if gain is not None)
    return (
        f"{n:,} test rows show a true gain of {low}, {middle} or {high} points four times in five, "
        "when 10, 20 or 30 % of the answers differ."
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
        if st.button(
            "Freeze a version",
            type="primary",
            key="freeze",
            disabled=bool(counts.unassigned) or now.task is None,
        ):
            error = actions.attempt(lambda: actions.freeze(state.store()))
            st.rerun() if error is None else text.failure(error)
        if counts.unassigned:
            text.plain(f"{counts.unassigned:,} examples have no split yet: split again.", "warn")
        else:
            text.plain("Frozen rows never change. An unchanged state gives the version that is there.", "dim")


def _versions(newest: Version | None) -> None:
    if newest is None:
        return
    found = list(reversed(versions.all_versions(state.project())))
    text.heading("Versions")
    lines, tones = [], {}
    for i, one in enumerate(found):
        counts, audit = one.manifest.counts, one.manifest.audit
        lines.append(
            {
                "name": one.name,
                "train": counts.train,
                "validation": counts.validation,
                "test": counts.test,
                "left": counts.dropped + counts.blocked + counts.refused,
                "audit": "clean" if audit.clean else f"{audit.pairs:,} leaked pairs",
                "print": one.manifest.fingerprint[:12],
                "made": one.manifest.created[:16].replace("T", " "),
            }
        )
        tones[i, "audit"] = "good" if audit.clean else "bad"
    table(
        lines,
        [
            ("name", "Version"),
            ("train", "Train"),
            ("validation", "Validation"),
            ("test", "Test"),
            ("left", "Left out"),
            ("audit", "Leakage audit"),
            ("print", "Fingerprint"),
            ("made", "Frozen (UTC)"),
        ],
        right=("train", "validation", "test", "left"),
        tones=tones,
    )
    leaking = next((one for one in found if not one.manifest.audit.clean), None)
    if leaking is not None:
        _pairs(leaking)
    if len(found) > 1:
        change = versions.compare(found[1], found[0])
        text.plain(
            f"From {found[1].name} to {found[0].name}: {len(change.added):,} added, {len(change.removed):,} removed, "
            f"{len(change.edited):,} edited, {len(change.moved):,} moved.",
            "dim",
        )


def _pairs(version: Version) -> None:
    audit = leakage.read_audit(version.folder)
    text.heading(
        f"What leaks in {version.name}",
        "no training and no verdict on this version; drop one of each pair, or split again",
    )
    table(
        [
            {
                "kind": leakage.KINDS[pair.kind],
                "a": f"{pair.id_a[:8]} in {pair.split_a}",
                "b": f"{pair.id_b[:8]} in {pair.split_b}",
                "similarity": f"{pair.similarity:.2f}",
            }
            for pair in audit.pairs[:50]
        ],
        [("kind", "What they share"), ("a", "One"), ("b", "The other"), ("similarity", "Similarity")],
        right=("similarity",),
    )
    ids = ",".join(dict.fromkeys(one for pair in audit.pairs[:50] for one in (pair.id_a, pair.id_b)))
    st.page_link(state.page("review"), label="Review these rows", query_params={"ids": ids})
