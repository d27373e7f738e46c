"""What a command has around it: where it prints, where it stands, who types, and the open project.

A command never prints by itself: inside the app the same command runs with streams of its own.
"""

from __future__ import annotations

import getpass
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from curation import versions
from curation.errors import BadInput, NotReady
from curation.files import read_json
from curation.formats import hub
from curation.progress import Progress
from curation.project import Project, locate
from curation.store import Store, open_store


class Forward(Exception):
    """The project is open in the app: the whole command is carried out there."""

    def __init__(self, port: int, token: str) -> None:
        super().__init__(f"port {port}")
        self.port = port
        self.token = token


class Session:
    """One command's surroundings.

    Args:
        stdout: where results go.
        stderr: where progress and errors go.
        cwd: the folder that relative paths start from.
        who: the person, for the decision log.
        store: the project that the app holds, when the command runs inside it.
    """

    def __init__(
        self, stdout: TextIO, stderr: TextIO, cwd: str, who: str, store: Store | None = None
    ) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.cwd = Path(cwd)
        self.who = who
        self.held = store
        self.as_json = False
        self.debug = False

    def path(self, text: str) -> Path:
        """A path as the person meant it."""
        return (self.cwd / Path(text).expanduser()).resolve()

    def data(self, text: str) -> Path:
        """A file as the person meant it; where there is none, what may be a name on the hub stays one."""
        path = self.path(text)
        return Path(text) if not path.exists() and hub.parse(text) else path

    def say(self, text: str = "") -> None:
        """Print a line of the result, unless the result is wanted as JSON."""
        if not self.as_json:
            self.stdout.write(text + "\n")

    def emit(self, value: dict[str, Any]) -> None:
        """Print the result as one JSON object, when that is wanted."""
        if self.as_json:
            self.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")

    def note(self, text: str) -> None:
        """Print a line beside the result."""
        self.stderr.write(text + "\n")
        self.stderr.flush()

    def progress(self) -> Progress:
        """A bar where there is a terminal, else one plain line a stage."""
        return _Bar(self.stderr) if self.stderr.isatty() else _Lines(self.stderr)

    def project(self, folder: str) -> Project:
        """The project's paths; its database is not opened."""
        return locate(self.path(folder))

    def version(self, project: Project, name: str | None) -> versions.Version:
        """The frozen version of that name, or the newest.

        Raises:
            BadUsage: there is none of that name.
            NotReady: nothing was frozen yet.
        """
        if name is not None:
            return versions.open_version(project, name)
        newest = versions.newest(project)
        if newest is None:
            raise NotReady(
                "Nothing was frozen yet.",
                where=project.name,
                hint=f"workbench split {project.folder}   then   workbench freeze {project.folder}",
            )
        return newest

    @contextmanager
    def store(self, folder: str) -> Iterator[Store]:
        """The project's database: the app's own inside the app, else opened for this command.

        Raises:
            Forward: another process, the app, has it open and will carry the command out.
        """
        project = self.project(folder)
        if self.held is not None and self.held.project.folder == project.folder:
            yield self.held
            return
        running = app_of(project)
        if running:
            raise Forward(*running)
        with open_store(project) as store:
            yield store


def app_of(project: Project) -> tuple[int, str] | None:
    """Port and token of the app that has this project open; None when none is running."""
    if not project.app_file.is_file():
        return None
    import psutil

    try:
        app = read_json(project.app_file)
        alive = psutil.pid_exists(app["pid"]) and app["pid"] != os.getpid()
        return (int(app["port"]), str(app["token"])) if alive else None
    except (BadInput, KeyError, TypeError, ValueError):
        return None


def person() -> str:
    """Who is deciding: `TOUCHSTONE_USER`, else the login name."""
    try:
        return os.environ.get("TOUCHSTONE_USER") or getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


class _Lines:
    """One line a stage."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._said: set[str] = set()

    def stage(self, name: str, total: int | None = None) -> None:
        """Print the stage once."""
        if name and name not in self._said:
            self._said.add(name)
            self._stream.write(f"{name} …\n")
            self._stream.flush()

    def advance(self, n: int = 1) -> None:
        """Say nothing."""


class _Bar:
    """One line that is written over: the stage, how far, how long still."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._name, self._total, self._done = "", 0, 0
        self._since = self._drawn = time.monotonic()

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a new line."""
        if self._name:
            self._draw()
            self._stream.write("\n")
        self._name, self._total, self._done = name, total or 0, 0
        self._since = time.monotonic()
        self._draw()

    def advance(self, n: int = 1) -> None:
        """Write over the line, at most ten times a second."""
        self._done += n
        if time.monotonic() - self._drawn > 0.1:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        text = self._name
        if self._total:
            share = min(1.0, self._done / self._total)
            filled = "█" * int(share * 24)
            left = (self._drawn - self._since) / share * (1 - share) if share > 0.02 else None
            text += f"  {filled:░<24} {share:4.0%}" + (f"  {left:,.0f} s left" if left and left > 1 else "")
        self._stream.write(f"\r\x1b[2K{text}")
        self._stream.flush()
