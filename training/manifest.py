"""A run's folder opened: recipe, task and manifest, proved to be those the run was made with.

A resumed run is the run that was made, or it is refused: same recipe, task, tokens and base model.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from curation import models
from curation import task as tasks
from curation.errors import BadInput, BadRecipe
from curation.files import read_json, read_yaml
from curation.task import Task
from training import recipe as recipes
from training import tokens
from training.recipe import Recipe

PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "tokenizers",
    "numpy",
    "bitsandbytes",
)


class ModelUsed(BaseModel):
    """The base model as it was found."""

    model_config = ConfigDict(extra="forbid")

    name: str
    revision: str | None
    origin: str
    fingerprint: str


class Manifest(BaseModel):
    """What a run was made from; with the recipe it says everything needed to repeat it.

    `version` and `baseline` are paths relative to the run's folder; digests are of the prepared tokens;
    `served_as` says which weights evaluations ask, and whoever serves the run should load.
    """

    model_config = ConfigDict(extra="forbid")

    version: str
    version_fingerprint: str
    baseline: str
    recipe_name: str
    recipe_hash: str
    task_fingerprint: str
    model: ModelUsed
    served_as: str = "the base model with the adapter"
    digest: str
    validation_digest: str
    examples_read: int
    examples_trained: int
    rows: int
    tokens: int
    labelled_tokens: int
    left_out: int
    steps: int
    warnings: list[str]
    device: str
    dtype: str
    device_reason: str
    seed: int
    threads: int
    python: str
    platform: str
    packages: dict[str, str]
    git_commit: str | None
    created: str


@dataclass(frozen=True, slots=True)
class Run:
    """An opened run folder."""

    folder: Path
    recipe: Recipe
    task: Task
    manifest: Manifest

    @property
    def checkpoints(self) -> Path:
        """Where the trainer saves."""
        return self.folder / "checkpoints"

    @property
    def adapter(self) -> Path:
        """The finished adapter; it is complete when it exists."""
        return self.folder / "adapter"

    @property
    def model(self) -> Path:
        """The finished model of full fine-tuning; it is complete when it exists."""
        return self.folder / "model"

    @property
    def template(self) -> Path | None:
        """A chat template that replaces the model's own."""
        path = self.folder / "template.jinja"
        return path if path.is_file() else None

    @property
    def version(self) -> Path:
        """The frozen version's folder."""
        return (self.folder / self.manifest.version).resolve()

    def tokens(self, split: str) -> tokens.Tokenised:
        """The prepared rows of `train` or `validation`."""
        return tokens.read_table(self.folder / "data" / f"{split}.parquet")


def open_run(folder: Path) -> Run:
    """Read a run and prove that it is still the run that was made.

    Raises:
        BadRecipe: recipe.yaml was changed since; the fields are named.
        BadInput: the task or the prepared rows were changed since, or a file cannot be read.
    """
    recipe = recipes.parse(read_yaml(folder / "recipe.yaml"), where="recipe.yaml")
    try:
        manifest = Manifest.model_validate(read_json(folder / "manifest.json"))
    except ValidationError as error:
        raise BadInput(
            tasks.mistakes(error, Manifest.model_fields), where=str(folder / "manifest.json")
        ) from error
    new = "Put the old value back, or start a new run with the new one."
    if recipe.hash != manifest.recipe_hash:
        raise BadRecipe(
            "The recipe was changed after the run was made; going on would mix two recipes.",
            where=str(folder / "recipe.yaml"),
            hint=new,
            code="recipe-changed",
        )
    task = tasks.load(folder / "task.yaml")
    if task.fingerprint != manifest.task_fingerprint:
        raise BadInput(
            "The task was changed after the run was made.", where=str(folder / "task.yaml"), hint=new
        )
    run = Run(folder, recipe, task, manifest)
    for split, digest in (("train", manifest.digest), ("validation", manifest.validation_digest)):
        if run.tokens(split).digest != digest:
            raise BadInput(
                "The prepared rows were changed after the run was made.",
                code="data-changed",
                where=str(folder / "data" / f"{split}.parquet"),
                hint="Start a new run.",
            )
    place = models.resolve(task.model.name, task.model.revision)
    if models.fingerprint(place) != manifest.model.fingerprint:
        raise BadInput(
            "The base model is not the one the run was made with.",
            where=str(place.path),
            hint="Bring the old files back, or start a new run.",
            code="model-changed",
        )
    return run


def other_packages(run: Run) -> list[str]:
    """Packages of another version than the run was made with: going on may differ in the last digits."""
    now = packages()
    made = run.manifest.packages
    return [f"{name} {made[name]}, now {now.get(name)}" for name in made if now.get(name) != made[name]]


def packages() -> dict[str, str]:
    """Versions of the packages that decide the outcome."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def cores() -> int:
    """Cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


def commit(folder: Path) -> str | None:
    """The git commit the project stands at, where it is kept in git."""
    try:
        said = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() or None
