"""A project is a folder: the database, task.yaml, versions, runs, evals. No DuckDB here.

Copy the folder and you have copied everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curation.errors import BadUsage, TouchstoneError


@dataclass(frozen=True, slots=True)
class Project:
    """The paths of one project folder (absolute)."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.name

    @property
    def database(self) -> Path:
        """The DuckDB file; its presence makes the folder a project."""
        return self.folder / "project.duckdb"

    @property
    def task_path(self) -> Path:
        """What the model should do."""
        return self.folder / "task.yaml"

    @property
    def versions(self) -> Path:
        """Frozen snapshots, one folder each."""
        return self.folder / "versions"

    @property
    def runs(self) -> Path:
        """Training runs, one job folder each."""
        return self.folder / "runs"

    @property
    def evals(self) -> Path:
        """Evaluations, one job folder each, and the register of looks."""
        return self.folder / "evals"

    @property
    def prompts(self) -> Path:
        """Prompts for candidates that are not trained, one Markdown file each."""
        return self.folder / "prompts"

    @property
    def app_file(self) -> Path:
        """Process id, port and token of the app that has this project open."""
        return self.folder / "app.json"

    @property
    def vectors(self) -> Path:
        """Cached sentence vectors of this project's texts."""
        return self.folder / "vectors"


def locate(folder: Path | str) -> Project:
    """The project at `folder`, which must exist.

    Raises:
        BadUsage: there is no project there.
    """
    project = Project(Path(folder).expanduser().resolve())
    if not project.database.is_file():
        raise BadUsage(
            "There is no project here (no project.duckdb).",
            where=str(project.folder),
            hint=f"Make one with: workbench new {folder}",
        )
    return project


def reserve(folder: Path | str) -> Project:
    """The folder for a new project, made when it is missing.

    Raises:
        TouchstoneError: a project is already there, or the path is a file.
    """
    project = Project(Path(folder).expanduser().resolve())
    if project.database.exists():
        raise TouchstoneError(
            "There is a project here already.", where=str(project.folder), hint="Choose another folder."
        )
    if project.folder.exists() and not project.folder.is_dir():
        raise TouchstoneError("This is a file, not a folder.", where=str(project.folder))
    project.folder.mkdir(parents=True, exist_ok=True)
    return project


def find_below(root: Path, depth: int = 3) -> list[Project]:
    """Projects in `root` and up to `depth` folders below it, hidden folders left out, by path."""
    found: list[Project] = []
    level = [root]
    for _ in range(depth + 1):
        below: list[Path] = []
        for folder in level:
            if (folder / "project.duckdb").is_file():
                found.append(Project(folder.resolve()))
                continue
            try:
                below += [
                    child
                    for child in sorted(folder.iterdir())
                    if child.is_dir() and not child.name.startswith(".") and not child.is_symlink()
                ]
            except OSError:
                continue
        level = below
    return found
