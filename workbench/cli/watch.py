"""Watching a job from the command line: start it, show its progress, say how it ended."""

from __future__ import annotations

from pathlib import Path

from curation import jobs
from curation.errors import JobFailed
from workbench.cli.session import Session


def until_done(session: Session, folder: Path) -> jobs.Status:
    """Wait for a started job.

    Ctrl-C asks the job to stop after its unit of work and waits for that.

    Raises:
        JobFailed: it ended in any other way than done.
    """
    progress = session.progress()
    try:
        status = jobs.wait(folder, progress)
    except KeyboardInterrupt:
        session.note(f"\nAsking {folder.name} to stop …")
        jobs.stop(folder)
        status = jobs.wait(folder, progress)
    if status.state != "done":
        raise JobFailed(
            status.message or f"It is {status.state}.",
            where=folder.name,
            hint=status.hint or f"The log is {folder / 'log.txt'}.",
        )
    return status
