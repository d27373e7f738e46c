"""The inside of a job: its turn, its progress, its signs of life, and how it ended (`jobs`: the outside)."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from curation import events
from curation.errors import JobFailed, Stopped, TouchstoneError
from curation.files import cache_folder, read_yaml, write_json
from curation.jobs import POLL_SECONDS, state, stop

_BEAT_SECONDS = 1.0


class Work:
    """What a job's process holds: progress, events, the wish to stop, the result."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._beat: dict[str, Any] = {"stage": "", "done": 0, "total": None, "eta_seconds": None}
        self._since = time.monotonic()

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage; its name is what a person reads."""
        self._since = time.monotonic()
        self._beat = {"stage": name, "done": 0, "total": total, "eta_seconds": None}

    def advance(self, n: int = 1) -> None:
        """Count finished units.

        Raises:
            Stopped: somebody asked the job to stop.
        """
        done, total = self._beat["done"] + n, self._beat["total"]
        eta = None
        if total and done:
            eta = (time.monotonic() - self._since) / done * max(0, total - done)
        self._beat = {**self._beat, "done": done, "eta_seconds": eta}
        if self.should_stop():
            raise Stopped("Stopped on request.")

    def should_stop(self) -> bool:
        """Whether somebody asked the job to stop."""
        return (self.folder / "stop").exists()

    def event(self, kind: str, **fields: Any) -> None:  # noqa: ANN401  JSON values
        """Add a line to the job's diary."""
        events.append(self.folder, kind, **fields)

    def finish(self, result: dict[str, Any]) -> None:
        """Write the result: from here on the job is done."""
        write_json(self.folder / "result.json", result)

    def beat(self) -> None:
        """Leave a sign of life with the progress so far."""
        write_json(self.folder / "heartbeat", {"time": time.time(), **self._beat})


@contextmanager
def at_work(folder: Path) -> Iterator[Work]:
    """Be the job's process: wait for its turn, keep a heartbeat, record how it ended.

    Raises:
        SystemExit: with 1 after a failure and 0 after a stop; the reason is in the events.
    """
    job = Work(folder)
    own = FileLock(folder / "lock")
    try:
        own.acquire(timeout=5)
    except Timeout as error:
        raise SystemExit("Another process works in this folder.") from error
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop(folder))
    done = threading.Event()
    pulse = threading.Thread(target=_pulse, args=(job, done), daemon=True)
    pulse.start()
    try:
        with _turn(job):
            job.event("running", message="")
            yield job
    except Stopped as stopped:
        job.event("stopped", message="Stopped on request; what was finished is kept.")
        raise SystemExit(0) from stopped
    except Exception as error:
        traceback.print_exc()
        where = f"{error.where}: " if isinstance(error, TouchstoneError) and error.where else ""
        message = where + (
            error.message if isinstance(error, TouchstoneError) else f"{type(error).__name__}: {error}"
        )
        hint = (
            error.hint
            if isinstance(error, TouchstoneError)
            else f"The whole story is in {folder / 'log.txt'}."
        )
        job.event("failed", message=message, hint=hint)
        raise SystemExit(1) from error
    finally:
        done.set()
        pulse.join()
        own.release()


@contextmanager
def _turn(job: Work) -> Iterator[None]:
    """Wait for the jobs named in `after:`, then for the device, one job at a time."""
    for name in read_yaml(job.folder / "job.yaml").get("after", []):
        other = (job.folder / name).resolve()
        said = False
        while not (status := state(other)).ended:
            if not said:
                job.event("waiting", message=f"Waiting for {other.name} to finish.")
                said = True
            _pause(job)
        if status.state != "done":
            raise JobFailed(
                f"{other.name}, which must come first, ended as {status.state}. {status.message}".strip(),
                hint=f"Resume {other.name}, then resume this one.",
            )
    device = FileLock(cache_folder() / "device.lock")
    said = False
    while True:
        try:
            device.acquire(timeout=0)
            break
        except Timeout:
            if not said:
                job.event("waiting", message="Waiting for the device: another job is using it.")
                said = True
            _pause(job)
    try:
        yield
    finally:
        device.release()


def _pause(job: Work) -> None:
    if job.should_stop():
        raise Stopped("Stopped while waiting.")
    time.sleep(POLL_SECONDS)


def _pulse(job: Work, done: threading.Event) -> None:
    while True:
        job.beat()
        if done.wait(_BEAT_SECONDS):
            job.beat()
            return
