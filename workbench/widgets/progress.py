"""What is at work, in one line: a chore of this process, or a job in its folder."""

from __future__ import annotations

from html import escape

import streamlit as st

from curation import jobs
from curation.jobs import Status
from workbench import chores
from workbench.chores import Chore
from workbench.widgets.press import press

_WORDS = {
    "queued": "Starting",
    "waiting": "Waiting for its turn",
    "running": "Running",
    "stopping": "Stopping",
    "stopped": "Stopped",
    "failed": "Failed",
    "lost": "Lost its process",
    "done": "Done",
}
_TONES = {"failed": "bad", "lost": "bad", "stopped": "warn", "done": "good"}


def chore_line(at_start: Chore | None) -> None:
    """The piece of work under way in this process; the whole page is drawn again when it has ended.

    Args:
        at_start: what was running when the page began to be drawn. It may have ended since, and then the
            numbers drawn from before its end must be drawn again.
    """
    if at_start is not None:
        st.fragment(_watch_chore, run_every="1s")()


def _watch_chore() -> None:
    chore = chores.running()
    if chore is None:
        st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center", key="chore"):
        with st.container(width=460):
            rate = f" · {chore.rate:,.0f} rows/s" if chore.rate and not chore.total else ""
            bar(chore.title, chore.stage + rate, chore.done, chore.total, chore.left)
        word = "Cancel" if chore.name == "import" else "Stop"
        if st.button(word, key="chore-stop", disabled=chore.stopping):
            chore.stopping = True


def bar(title: str, stage: str, done: int, total: int | None, eta: float | None) -> None:
    """A title, the stage with its numbers, and a bar when the end is known."""
    figures = f"{done:,} of {total:,}" if total else (f"{done:,}" if done else "")
    left = f"about {span(eta)} left" if eta else ""
    words = " · ".join(part for part in (stage, figures, left) if part)
    share = f"{100 * min(1.0, done / total):.1f}%" if total else "0"
    known = "" if total else " unknown"
    st.html(
        f'<div class="ts-bar"><div><b>{escape(title)}</b><span>{escape(words)}</span></div>'
        f'<i class="{known.strip()}"><u style="width:{share}"></u></i></div>'
    )


def job_line(status: Status, title: str) -> None:
    """One job: what it is doing, how far it is, what to do when it ended badly."""
    if not status.ended:
        said = status.message if status.state == "waiting" else status.stage or _WORDS[status.state]
        said = f"Stopping · {said}" if status.state == "stopping" else said
        bar(title, said, status.done, status.total, status.eta_seconds)
        return
    st.html(
        f'<p class="ts-p"><b>{escape(title)}</b> <span class="{_TONES[status.state]}">{_WORDS[status.state]}</span>'
        f'<br><span class="dim">{escape(" ".join(part for part in (status.message, status.hint) if part))}</span></p>'
    )


def job_buttons(status: Status, key: str) -> None:
    """Stop what runs, resume what ended early."""
    if not status.ended:
        stopping = status.state == "stopping"
        press("Stop", lambda: jobs.stop(status.folder), key=f"stop-{key}", disabled=stopping)
    if status.state in jobs.RESUMABLE:
        press("Resume", lambda: jobs.resume(status.folder), key=f"resume-{key}")


def span(seconds: float) -> str:
    """A duration as a person says it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
