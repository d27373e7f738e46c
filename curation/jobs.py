"""Jobs: training and evaluation as separate processes that live in a folder, seen from outside (`work`: inside).

A job folder holds `job.yaml`, `events.jsonl`, `heartbeat`, `log.txt`, perhaps a `stop` file, and last
`result.json`. Its state is derived from these and from the lock its process holds; it is stored nowhere.
There is no scheduler: a queued job is a started process that waits for the jobs in its `after:` and for
the device lock, so it outlives the app, and killing it leaves nothing half owned.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
from filelock import FileLock, Timeout

from curation import events
from curation.errors import BadUsage, JobFailed, TouchstoneError, unknown
from curation.files import read_json, read_yaml, write_json, write_yaml
from curation.progress import SILENT, Progress

State = Literal["queued", "waiting", "running", "stopping", "stopped", "failed", "lost", "done"]
ENDED: frozenset[State] = frozenset({"stopped", "failed", "lost", "done"})
RESUMABLE: frozenset[State] = frozenset({"stopped", "failed", "lost"})
MODULES = ("training", "evals")
_LIFE = ("launched", "waiting", "running", "stopped", "failed")
POLL_SECONDS = 0.3
# Idle OpenMP threads sleep instead of spinning. On two busy cores 32 answers of a model of 135 M took 16.5 s (16 s of
# CPU) with it and 128 s (96 s of CPU) without; one thread 19-23 s (13 s of CPU).
QUIET_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True, slots=True)
class Status:
    """What a job is doing now, in words a person reads.

    `done` and `total` are in units of the stage; `beat_seconds` is the age of the last sign of life.
    """

    folder: Path
    state: State
    message: str = ""
    hint: str = ""
    stage: str = ""
    done: int = 0
    total: int | None = None
    eta_seconds: float | None = None
    beat_seconds: float | None = None
    pid: int | None = None
    at: str = ""

    @property
    def id(self) -> str:
        """The folder's name, as the CLI takes it."""
        return self.folder.name

    @property
    def ended(self) -> bool:
        """Whether no process works on it any more."""
        return self.state in ENDED


def new_folder(root: Path, prefix: str) -> Path:
    """Claim the next free folder `root/<prefix>NNN`; safe when two processes ask at once."""
    root.mkdir(parents=True, exist_ok=True)
    taken = [int(p.name[1:]) for p in root.glob(f"{prefix}*") if p.name[1:].isdecimal()]
    number = max(taken, default=0) + 1
    while True:
        folder = root / f"{prefix}{number:03d}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def create(folder: Path, module: str, *, after: tuple[Path, ...] = ()) -> None:
    """Make `folder` a job. Written last by whoever fills the folder: without job.yaml it is no job.

    Args:
        folder: an existing folder with everything the process will read.
        module: `training` or `evals`, run as `python -m MODULE FOLDER`.
        after: job folders that must be done first; kept as relative paths.
    """
    write_yaml(
        folder / "job.yaml",
        {
            "module": module,
            "created": events.now(),
            "after": [os.path.relpath(other, folder) for other in after],
        },
    )


def find(root: Path, name: str) -> Path:
    """The job folder called `name` below `root`.

    Raises:
        BadUsage: there is none; near names are suggested.
    """
    folder = root / name
    if Path(name).name != name or not (folder / "job.yaml").is_file():
        raise unknown("run" if root.name == "runs" else "evaluation", name, [f.name for f in all_jobs(root)])
    return folder


def all_jobs(root: Path) -> list[Path]:
    """Every job folder directly below `root`, oldest first."""
    if not root.is_dir():
        return []
    return sorted(path.parent for path in root.glob("*/job.yaml"))


def start(folder: Path) -> None:
    """Launch the job's process, detached from this one; it reads the folder and needs nothing else.

    Raises:
        BadUsage: a process works on it already, or it is done.
    """
    status = state(folder)
    if status.state not in RESUMABLE and not (status.state == "queued" and status.pid is None):
        raise BadUsage(f"This job is {status.state}; it cannot be started again.", where=folder.name)
    module = read_yaml(folder / "job.yaml")["module"]
    if module not in MODULES:
        raise BadUsage(f"job.yaml names the module {module!r}; known: training, evals.", where=folder.name)
    (folder / "stop").unlink(missing_ok=True)
    events.append(folder, "launched")  # before the process can write its own first event
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            # -P: the current folder may hold a training.py of the user's; never import that.
            [sys.executable, "-P", "-m", module, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=QUIET_THREADS | os.environ | {"PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"},
        )
    write_json(folder / "process.json", {"pid": process.pid, "started": _started(process.pid)})


def stop(folder: Path) -> None:
    """Ask the job to stop after the unit of work at hand."""
    (folder / "stop").touch()


def resume(folder: Path) -> None:
    """Start a job again that was stopped, failed, or lost its process.

    Raises:
        BadUsage: it is done or still at work.
    """
    status = state(folder)
    if status.state not in RESUMABLE:
        raise BadUsage(
            f"Only a stopped, failed or lost job can be resumed; this one is {status.state}.",
            where=folder.name,
        )
    start(folder)


def state(folder: Path) -> Status:
    """Derive what the job is doing from its folder and its process."""
    process = _process(folder)
    life = next((e for e in reversed(events.tail(folder)) if e.kind in _LIFE), None)
    if (folder / "result.json").is_file():
        return Status(folder, "done", at=life.at if life else "")
    if not (process or _locked(folder)):
        if life is None:
            return Status(folder, "queued", "Not started yet.")
        if life.kind in ("stopped", "failed"):
            ended: State = "stopped" if life.kind == "stopped" else "failed"
            return Status(
                folder, ended, life.fields.get("message", ""), life.fields.get("hint", ""), at=life.at
            )
        return Status(
            folder,
            "lost",
            "Its process ended without a word (killed, or the machine went down).",
            f"Resume it: what was finished is kept. The log is {folder / 'log.txt'}.",
            at=life.at,
        )
    now: State = "running"
    if (folder / "stop").exists():
        now = "stopping"
    elif life and life.kind == "launched":
        now = "queued"
    elif life and life.kind == "waiting":
        now = "waiting"
    message = life.fields.get("message", "") if life and now == "waiting" else ""
    beat = _beat(folder)
    age = time.time() - beat["time"] if "time" in beat else None
    return Status(
        folder,
        now,
        message,
        "",
        beat.get("stage", ""),
        beat.get("done", 0),
        beat.get("total"),
        beat.get("eta_seconds"),
        age,
        process,
        life.at if life else "",
    )


def wait(folder: Path, progress: Progress = SILENT) -> Status:
    """Watch a job until no process works on it, passing its progress on."""
    stage, done = "", 0
    while True:
        status = state(folder)
        if status.ended:
            return status
        name = status.stage or status.message or status.state
        if name != stage:
            stage, done = name, 0
            progress.stage(name, status.total)
        progress.advance(max(0, status.done - done))
        done = max(done, status.done)
        time.sleep(POLL_SECONDS)


def result(folder: Path) -> dict[str, Any]:
    """What the finished job left in result.json.

    Raises:
        JobFailed: it has not finished; the message says what happened.
    """
    status = state(folder)
    if status.state != "done":
        raise JobFailed(
            status.message or f"The job is {status.state}.",
            where=folder.name,
            hint=status.hint or f"The log is {folder / 'log.txt'}.",
        )
    loaded: dict[str, Any] = read_json(folder / "result.json")
    return loaded


def _beat(folder: Path) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = read_json(folder / "heartbeat")
        return loaded
    except TouchstoneError:
        return {}


def _started(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def _process(folder: Path) -> int | None:
    """The launched process, if it still lives; a recycled pid has another start time."""
    try:
        launched = read_json(folder / "process.json")
    except TouchstoneError:
        return None
    started = _started(launched["pid"])
    same = started is not None and launched["started"] is not None and abs(started - launched["started"]) < 1
    return int(launched["pid"]) if same else None


def _locked(folder: Path) -> bool:
    if not (folder / "lock").exists():
        return False
    try:
        with FileLock(folder / "lock", timeout=0):
            return False
    except Timeout:
        return True
