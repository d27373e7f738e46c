"""Evals, graded by people: pairs of answers, single answers or expected answers, who gave them hidden."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from curation.errors import TouchstoneError
from evals import grading, judged, marked
from evals.grading import Kind, Question
from workbench import grades, state
from workbench.widgets import text
from workbench.widgets.panes import grade, said

_AHEAD = 20  # questions the browser holds
_CHOICES: dict[Kind, tuple[tuple[str, str, str], ...]] = {
    "pair": (
        ("left", "Left", "1"),
        ("right", "Right", "2"),
        ("tie", "Equally good", "3"),
        ("both_bad", "Both bad", "4"),
    ),
    "single": (("pass", "Pass", "1"), ("fail", "Fail", "2"), ("unsure", "Cannot say", "3")),
    "reference": (("right", "Right", "1"), ("wrong", "Wrong", "2"), ("unsure", "Cannot say", "3")),
}


def draw(folder: Path, kind: Kind, *, candidate: str, baseline: str) -> None:
    """Draw the open question of this person and, when all are judged, what the judgements add up to."""
    who = state.who()
    session = st.session_state.setdefault("grading", grades.Session())
    view = f"{folder.name}|{kind}|{candidate}|{baseline}"

    def take() -> None:
        """Store judgements before the page is drawn, so that it is drawn once."""
        asked = grading.questions(folder, kind, who, candidate=candidate, baseline=baseline)
        grades.deliver(folder, session, said(f"grade-{view}")[0], asked, kind, who=who)

    try:
        now = grades.asking(folder, kind, who, candidate=candidate, baseline=baseline)
    except TouchstoneError as error:
        text.failure(error)
        return
    text.plain(f"{grading.TITLES[kind]} Judged as {who}; names stay hidden until the end.", "dim")
    box, _ = grade(
        {
            "project": str(folder),
            "view": view,
            "sid": session.sid,
            "ack": session.ack,
            "questions": [_shown(one, kind) for one in now.left[:_AHEAD]],
            "total": len(now.asked),
            "left": len(now.left),
            "last": now.last,
            "choices": [{"side": side, "title": title, "key": key} for side, title, key in _CHOICES[kind]],
            "empty": "Nothing to judge: both gave the same answers."
            if not now.asked
            else "All judged. What it adds up to stands below.",
        },
        key=f"grade-{view}",
        on_outbox=take,
    )
    if grades.deliver(folder, session, box, now.asked, kind, who=who):
        st.rerun()  # a new session: what the browser kept is known only now
    if not now.left:
        found = grading.tally(folder, kind, candidate=candidate, baseline=baseline)
        for sentence in grading.sentences(found, candidate, baseline):
            text.plain(sentence)
    if kind == "pair":
        _judges(folder, candidate, baseline, done=not now.left)


def _judges(folder: Path, candidate: str, baseline: str, *, done: bool) -> None:
    """What language models said of the pair, out of sight until this person has judged."""
    try:
        found = judged.tallies(folder, candidate, baseline)
    except TouchstoneError as error:
        text.failure(error)
        return
    if not found:
        return
    with st.container() if done else st.expander("What a judge model says: look after judging"):
        for one in found:
            text.plain(" ".join(judged.sentences(one)), "dim")


def _shown(one: Question, kind: Kind) -> dict[str, object]:
    titles: Sequence[str] = ("Left", "Right") if kind == "pair" else ("Answer",)
    sides = one.sides if kind != "reference" else (one.expected or "",)
    if kind == "reference":
        titles = ("Expected",)
    laid = [(title, marked.plain(side)) for title, side in zip(titles, sides, strict=True)]
    return {
        "key": one.key,
        "prompt": one.prompt,
        "sides": [
            {"title": title, "text": "".join(piece.text for piece in shown.pieces), "json": shown.json}
            for title, shown in laid
        ],
    }
