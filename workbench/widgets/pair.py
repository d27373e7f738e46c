"""Two candidates of one evaluation on validation: who got which row right, and the answers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from evals import compare, notes, scorers, slices, spec, stored
from evals.compare import Quadrant
from workbench.widgets import text
from workbench.widgets.diff import WORDS, diff
from workbench.widgets.figures import points

_PAGE = 300


def choose(names: Sequence[str]) -> tuple[str, str] | None:
    """Draw the choice of a candidate and who it is held against; None while both are the same."""
    runs = [name for name in names if name.startswith("run:")]
    first = "prompt" if "prompt" in names else names[0]
    last = (runs or [name for name in names if name != first])[-1]
    candidate = _one("Candidate", names, last, key="candidate")
    baseline = _one("Against", names, first, key="baseline")
    return (candidate, baseline) if candidate != baseline else None


def pair(folder: Path, candidate: str, baseline: str, who: str) -> str | None:
    """Draw the four quadrants and the rows.

    Args:
        folder: a finished evaluation.
        candidate: one of its candidates.
        baseline: another one.
        who: the person who writes notes.

    Returns:
        `EVALUATION:ID:CANDIDATE` when the training rows behind an answer are asked for.
    """
    headline = st.container()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="which"):
        which = st.container(width="content")
        search = st.text_input(
            "Search these rows",
            key="words",
            placeholder="Search these rows",
            type="search",
            live="300ms",
            label_visibility="collapsed",
            bind="query-params",
            width=230,
        ).strip()
        chosen = _slice(folder)
    ids = list(chosen.ids) if chosen else None
    counts = compare.quadrants(folder, candidate, baseline, search=search, ids=ids)
    with headline:
        graded = not scorers.get(spec.load(folder).primary).binary
        within = " and ".join(filter(None, [chosen.name if chosen else "", f"“{search}”" if search else ""]))
        text.headline(_headline(candidate, baseline, counts, within, graded=graded))
    shown = [one for one in compare.QUADRANTS if one != "not_judged" or counts.not_judged]
    with which:
        quadrant = _quadrant({one: getattr(counts, one) for one in shown})
    view = _View(quadrant, search, ids, getattr(counts, quadrant))
    return _rows(folder, candidate, baseline, view, who)


class _View(NamedTuple):
    """Which rows are listed, and how many there are."""

    quadrant: Quadrant
    search: str
    ids: list[str] | None
    total: int


class _Slice(NamedTuple):
    name: str
    ids: tuple[str, ...]


def _slice(folder: Path) -> _Slice | None:
    """The slice whose rows alone are listed; the address keeps it."""
    known = _slices(folder)
    forget_unknown("slice", [None, *known])
    name = st.selectbox(
        "Slice",
        list(known),
        index=None,
        placeholder="Slice",
        key="slice",
        label_visibility="collapsed",
        bind="query-params",
        width=230,
    )
    return _Slice(name, known[name]) if name in known else None


@lru_cache(maxsize=8)
def _slices(folder: Path) -> dict[str, tuple[str, ...]]:
    """Name → ids of every slice of the fields worth looking at."""
    ids = stored.read(folder).ids
    return {
        f"{field}={value}": tuple(ids[i] for i in places)
        for field in slices.fields(folder)
        for value, places in slices.members(folder, ids, field).items()
    }


def _headline(candidate: str, baseline: str, counts: compare.Counts, within: str, *, graded: bool) -> str:
    if not counts.n:
        return f"No row with {within}."
    among = f"Among {counts.n:,} rows with {within} {candidate}" if within else candidate
    if graded:
        return f"{among} scores higher than {baseline} on {counts.won:,} rows and lower on {counts.lost:,}."
    gain = points((counts.won - counts.lost) / counts.n)
    return f"{among} wins {counts.won:,} rows that {baseline} gets wrong and loses {counts.lost:,}: {gain} points."


def _one(title: str, names: Sequence[str], default: str, *, key: str) -> str:
    forget_unknown(key, names)
    index = names.index(default)
    return str(st.selectbox(title, names, index=index, key=key, bind="query-params", width=200))


def forget_unknown(key: str, options: Sequence[str | None]) -> None:
    """Drop a choice kept from another screen under the same name in the address, where it does not exist here."""
    if st.session_state.get(key, options[0]) not in options:
        del st.session_state[key]


def _quadrant(counts: dict[Quadrant, int]) -> Quadrant:
    """Which rows are listed; the address keeps it."""
    asked = st.query_params.get("show")
    filled = next((one for one, n in counts.items() if n), "lost")
    chosen = st.segmented_control(
        "Rows",
        list(counts),
        format_func=lambda one: f"{counts[one]:,} {WORDS[one]}",
        default=next((one for one in counts if one == asked), filled),
        required=True,
        key="show",
        label_visibility="collapsed",
    )
    st.query_params["show"] = str(chosen)
    return next((one for one in counts if one == chosen), "lost")


def _show(quadrant: Quadrant) -> None:
    """Another group, asked for by its key; before the choice is drawn."""
    st.session_state["show"] = quadrant


def _rows(folder: Path, candidate: str, baseline: str, view: _View, who: str) -> str | None:
    page = compare.rows(
        folder, candidate, baseline, quadrant=view.quadrant, search=view.search, ids=view.ids, limit=_PAGE
    )
    written = notes.read(folder.parent / notes.FILE)
    wanted = st.query_params.get("example")
    here, traced = diff(
        page,
        key="diff",
        view=f"{folder.name}|{candidate}|{baseline}|{view.quadrant}|{view.search}|{st.session_state.get('slice')}",
        pos=next((i for i, row in enumerate(page) if row.id == wanted), 0),
        total=view.total,
        names=(baseline, candidate),
        notes={row.id: written[row.id].text for row in page if row.id in written},
        on_note=lambda id_, words, op: notes.write(folder.parent / notes.FILE, id_, words, who=who, op=op),
        on_quadrant=_show,
        empty="No such rows. Choose another group above.",
    )
    if here is not None and here < len(page) and page[here].id != wanted:
        st.query_params["example"] = page[here].id
        st.rerun()
    if view.total > _PAGE:
        text.plain(f"The first {_PAGE} of {view.total:,} rows.", "dim")
    return f"{folder.name}:{traced}:{candidate}" if traced else None
