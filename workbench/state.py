"""What is open in this process: one store at most, shared by every tab and by the local command endpoint."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import json
import os
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path

from curation import files, task
from curation.errors import NotReady, TouchstoneError
from curation.project import Project, locate
from curation.store import Store, open_store
from curation.task import Task


@dataclass(slots=True)
class Workspace:
    """The process's one open project, and the address under which it is served."""

    token: str = ""
    port: int = 0
    root: Path = field(default_factory=Path.cwd)
    store: Store | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


workspace = Workspace()


def open_project(folder: Path | str) -> Store:
    """Open a project in this process and announce it in its app.json.

    Raises:
        BadUsage: there is no project. ProjectBusy: somebody else holds it.
    """
    with workspace.lock:
        project = locate(folder)
        if workspace.store is not None:
            if workspace.store.project.folder == project.folder:
                return workspace.store
            _close()
        store = open_store(project)
        workspace.store = store
        announce = json.dumps({"pid": os.getpid(), "port": workspace.port, "token": workspace.token})
        files.write_atomic(project.app_file, announce)  # mkstemp gives 0600
        remember(project.folder)
        return store


def close_project() -> None:
    """Close the store and take app.json away."""
    with workspace.lock:
        _close()


def _close() -> None:
    if workspace.store is not None:
        workspace.store.project.app_file.unlink(missing_ok=True)
        workspace.store.close()
        workspace.store = None


def store() -> Store:
    """The open store.

    Raises:
        NotReady: no project is open.
    """
    if workspace.store is None:
        raise NotReady("No project is open.", hint="Choose one on the first page.")
    return workspace.store


def project() -> Project:
    """The open project."""
    return store().project


def current_task() -> Task | None:
    """The project's task; None when there is none yet or it has mistakes (Settings shows them)."""
    path = project().task_path
    if not path.is_file():
        return None
    try:
        return task.load(path)
    except TouchstoneError:
        return None


def who() -> str:
    """The name that stands behind decisions made in the app."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "app"


def config_folder() -> Path:
    """The user's own settings folder: `XDG_CONFIG_HOME` or ~/.config."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "touchstone"


def recent() -> list[Path]:
    """Projects opened before that are still there, newest first."""
    try:
        names = json.loads((config_folder() / "recent.json").read_text("utf-8"))
        return [Path(name) for name in names if (Path(name) / "project.duckdb").is_file()]
    except (OSError, ValueError, TypeError):
        return []


def remember(folder: Path) -> None:
    """Put a project on top of the recent list; a config folder that cannot be written is no reason to fail."""
    names = [str(folder), *(str(path) for path in recent() if path != folder)][:12]
    try:
        files.write_json(config_folder() / "recent.json", names)
    except OSError:
        return


def token_for(place: Path) -> str:
    """The token of a place: the same after a restart, so that a tab left open finds its way back.

    It is an HMAC of the path under a secret that only the user can read and that no project carries.
    """
    path = config_folder() / "secret"
    try:
        secret = path.read_text("utf-8").strip()
    except OSError:
        secret = ""
    if not secret:
        secret = secrets.token_hex(32)
        try:
            files.write_atomic(path, secret)
        except OSError:
            return secret
    return hmac.new(secret.encode(), str(place).encode(), hashlib.sha256).hexdigest()[:40]


def id_of(seq: int) -> str:
    """The content id of one example."""
    return str(store().value("select id from example where seq = ?", [seq]) or "")


_pages: dict[str, object] = {}


def register(pages: dict[str, object]) -> None:
    """Let screens link to one another by name."""
    _pages.clear()
    _pages.update(pages)


def page(name: str) -> object:
    """The page called `name`, for links and `st.switch_page`."""
    return _pages[name]
