"""Runs: a recipe on a frozen version as a job folder, made only when a baseline stands; read back, compared.

No run begins without a frozen test set and a baseline that is measured or queued ahead of it: the gate is
asked when the run is made and again when its turn comes.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation import events, jobs, models
from curation import task as tasks
from curation.errors import BadInput, NoBaseline, NotReady, TouchstoneError, unknown
from curation.files import read_json, read_yaml, write_atomic, write_json
from curation.progress import SILENT, Progress
from curation.project import Project
from curation.task import Task
from evals.evaluation import baseline_for
from training import preflight, tokens
from training import recipe as recipes
from training.attempt import SMALLER
from training.curve import Curve, Point, loss_curve
from training.estimate import Speed
from training.manifest import Manifest, ModelUsed, Run, commit, cores, open_run, packages
from training.preflight import Preflight
from training.recipe import Change, Recipe

__all__ = [
    "Comparison",
    "Curve",
    "Manifest",
    "Point",
    "Run",
    "Summary",
    "all_runs",
    "ask_again",
    "compare",
    "create",
    "describe",
    "gate",
    "look_ahead",
    "loss_curve",
    "measured_speed",
    "open_run",
    "resume",
    "version_folder",
]
KEPT_LEFT_OUT = 5000  # left-out rows written by id; the counts are always whole


def version_folder(project: Project, version: str | Path) -> Path:
    """The folder of a frozen version, by its name or as it is.

    Raises:
        BadUsage: there is none of that name; near ones are suggested.
    """
    folder = version if isinstance(version, Path) else project.versions / version
    if not (folder / "manifest.json").is_file():
        known = [path.parent.name for path in project.versions.glob("*/manifest.json")]
        raise unknown("version", folder.name, known)
    return folder


def gate(project: Project, version: Path) -> Path:
    """The baseline evaluation that stands behind training on this version: done, or still at work.

    Raises:
        NotReady: no frozen test rows, or the leakage audit is not clean.
        NoBaseline: `prompt` was neither measured on this version nor queued.
    """
    manifest = read_json(version / "manifest.json")
    place = f"{project.folder} {version.name}"
    try:
        held_out = pq.ParquetFile(version / "test.parquet").metadata.num_rows
    except (OSError, pa.ArrowInvalid):
        held_out = 0
    if not held_out:
        raise NotReady(
            f"Version {version.name} has no held-out test row, so nothing could be proved.",
            hint=f"workbench split {project.folder} --test 0.2   then   workbench freeze {project.folder}",
            code="no-test-set",
        )
    audit = manifest.get("audit") or {}
    if not audit.get("clean"):
        raise NotReady(
            f"Version {version.name} has training rows that leak into its held-out rows.",
            hint=f"See them with: workbench audit {place}   then split and freeze again.",
            code="leak",
        )
    baseline = baseline_for(project, version)
    if baseline is None:
        raise NoBaseline(
            f"No baseline has been measured on version {version.name}.",
            hint=f"workbench eval {project.folder} --version {version.name} --candidate prompt",
        )
    return baseline


def create(
    project: Project,
    version: str | Path,
    task: Task,
    recipe: Recipe,
    *,
    name: str,
    after: Sequence[Path] = (),
    threads: int | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Make the job folder of a run; `jobs.start` begins it.

    Args:
        project: whose version, baseline and runs.
        version: its name or folder.
        task: copied into the run as it is now.
        recipe: written out with every default.
        name: the recipe's name, for people.
        after: further jobs that must be done first; a baseline that is still at work is added.
        threads: for torch; default: the cores of this machine.

    Raises:
        NotReady: no test set, a leaking version, or an error of the preflight.
        NoBaseline: no evaluation of `prompt` on this version.
        BadRecipe: a target module the model does not have.
        MissingModel: the base model is not on this machine.
    """
    folder = version_folder(project, version)
    baseline = gate(project, folder)
    found = look_ahead(project, folder, task, recipe, progress=progress)
    found.raise_if_blocked()
    waits = list(after)
    if jobs.state(baseline).state != "done" and baseline not in waits:
        waits.append(baseline)
    run = jobs.new_folder(project.runs, "r")
    _write(run, folder, baseline, task, recipe, name, found, threads or cores())
    jobs.create(run, "training", after=tuple(waits))
    return run


def look_ahead(
    project: Project, version: str | Path, task: Task, recipe: Recipe, *, progress: Progress = SILENT
) -> Preflight:
    """The preflight of a run that is not made yet, with the speed of earlier runs where there are any."""
    speed = measured_speed(project, task, recipe)
    return preflight.prepare(version_folder(project, version), task, recipe, speed=speed, progress=progress)


def _write(
    run: Path,
    version: Path,
    baseline: Path,
    task: Task,
    recipe: Recipe,
    name: str,
    found: Preflight,
    threads: int,
) -> None:
    (run / "data").mkdir()
    for split, rows in (("train", found.train), ("validation", found.validation)):
        pq.write_table(tokens.table(rows), run / "data" / f"{split}.parquet")
    left = found.left_out[:KEPT_LEFT_OUT]
    write_json(run / "data" / "left_out.json", [{"id": one.id, "reason": one.reason} for one in left])
    recipes.save(recipe, run / "recipe.yaml")
    tasks.save(task, run / "task.yaml")
    if task.model.template:
        write_atomic(run / "template.jinja", models.template_file(task.model.template).read_bytes())
    place = models.resolve(task.model.name, task.model.revision)
    manifest = Manifest(
        version=os.path.relpath(version.resolve(), run.resolve()),
        version_fingerprint=read_json(version / "manifest.json")["fingerprint"],
        baseline=os.path.relpath(baseline.resolve(), run.resolve()),
        recipe_name=name,
        recipe_hash=recipe.hash,
        task_fingerprint=task.fingerprint,
        model=ModelUsed(
            name=place.name,
            revision=place.revision,
            origin=place.origin,
            fingerprint=models.fingerprint(place),
        ),
        served_as=served_as(recipe),
        digest=found.train.digest,
        validation_digest=found.validation.digest,
        examples_read=found.read,
        examples_trained=len(found.train.ids),
        rows=len(found.train.rows),
        tokens=found.tokens,
        labelled_tokens=found.labelled_tokens,
        left_out=len(found.left_out),
        steps=found.steps,
        warnings=[one.message for one in found.warnings],
        device=found.device,
        dtype=found.dtype,
        device_reason=found.device_reason,
        seed=recipe.seed,
        threads=threads,
        python=platform.python_version(),
        platform=platform.platform(),
        packages=packages(),
        git_commit=commit(version),
        created=events.now(),
    )
    write_json(run / "manifest.json", manifest.model_dump(mode="json"))


def served_as(recipe: Recipe) -> str:
    """Which weights answer for a run of this recipe."""
    if recipe.tuning == "full":
        return "its own weights, all of them"
    if recipe.quantization == "nf4":
        return "the base model in 4 bits (nf4), as it was trained on, with the adapter; baselines are not quantised"
    return "the base model with the adapter"


def ask_again(run: Run) -> None:
    """The gate, when the run's turn has come; and that no held-out row is among the prepared ones.

    Raises:
        NotReady, NoBaseline: as `gate`; also when the baseline has not finished.
        BadInput: a test row is among the rows to train on, or the version is another one.
    """
    baseline = gate(Project(run.version.parent.parent), run.version)
    if jobs.state(baseline).state != "done":
        raise NoBaseline(
            f"The baseline {baseline.name} has not finished.", hint=f"Resume {baseline.name} first."
        )
    if read_json(run.version / "manifest.json")["fingerprint"] != run.manifest.version_fingerprint:
        raise BadInput("The version is not the one the run was made on.", where=str(run.version))
    held_out = set(pq.read_table(run.version / "test.parquet", columns=["id"]).column("id").to_pylist())
    leaked = held_out.intersection(run.tokens("train").ids)
    if leaked:
        raise BadInput(
            f"{len(leaked)} held-out rows are among the rows to train on, first {min(leaked)}.",
            where=str(run.folder / "data" / "train.parquet"),
            code="leak",
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in one line; `eta_seconds` and `tokens_per_second` are those of the last step.

    `note` says what the run had to change by itself, such as its micro-batch when memory ran out.
    """

    id: str
    status: jobs.Status
    recipe_name: str
    version: str
    step: int
    total_steps: int
    loss: float | None
    eval_loss: float | None
    tokens_per_second: float | None
    eta_seconds: float | None
    resumable: bool
    note: str
    result: dict[str, Any] | None


def describe(folder: Path) -> Summary:
    """What a run is and how far it has come."""
    said = read_json(folder / "manifest.json")
    status = jobs.state(folder)
    curve = loss_curve(folder)
    last = curve.train[-1] if curve.train else None
    ended = status.ended
    notes = [str(event.fields["message"]) for event in events.read(folder, kinds=(SMALLER, "early_stop"))]
    result = jobs.result(folder) if status.state == "done" else None
    if result and result.get("kept_step") is not None:
        notes.append(f"Kept are the weights of step {result['kept_step']}, the best by validation loss.")
    return Summary(
        id=folder.name,
        status=status,
        recipe_name=said["recipe_name"],
        version=Path(said["version"]).name,
        step=last.step if last else 0,
        total_steps=curve.total_steps or said["steps"],
        loss=last.loss if last else None,
        eval_loss=curve.validation[-1].loss if curve.validation else None,
        tokens_per_second=last.tokens_per_second if last else None,
        eta_seconds=None if ended else curve.eta_seconds,
        resumable=status.state in jobs.RESUMABLE,
        note=" ".join(dict.fromkeys(notes)),
        result=result,
    )


def all_runs(project: Project) -> list[Summary]:
    """Every run, oldest first."""
    return [describe(folder) for folder in jobs.all_jobs(project.runs)]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs side by side: how their recipes differ, whether they saw the same rows, their curves."""

    changes: tuple[Change, ...]
    same_rows: bool
    before: Curve
    after: Curve


def compare(before: Path, after: Path) -> Comparison:
    """Compare two runs."""
    first, second = (recipes.parse(read_yaml(folder / "recipe.yaml")) for folder in (before, after))
    digests = {read_json(folder / "manifest.json")["digest"] for folder in (before, after)}
    return Comparison(
        recipes.changes(first, second), len(digests) == 1, loss_curve(before), loss_curve(after)
    )


def resume(project: Project, name: str) -> Path:
    """Go on with a run that was stopped, failed or lost, from its newest complete checkpoint.

    Raises:
        BadUsage: there is no such run, or it is done or at work.
        BadRecipe: its recipe was changed.
        BadInput: its task, rows or base model were changed.
    """
    folder = jobs.find(project.runs, name)
    open_run(folder)
    jobs.resume(folder)
    return folder


def measured_speed(project: Project, task: Task, recipe: Recipe) -> Speed | None:
    """The speed of the newest finished run of this model and method on this machine; None without one."""
    device = models.device(recipe.device, task.model.dtype)
    here = (task.model.name.lower(), platform.platform(), device.kind, device.dtype)
    kind = _kind(recipe.model_dump())
    for folder in reversed(jobs.all_jobs(project.runs)):
        try:
            made, result = read_json(folder / "manifest.json"), read_json(folder / "result.json")
            same = _kind(read_yaml(folder / "recipe.yaml")) == kind
        except TouchstoneError:
            continue
        speed = result.get("padded_tokens_per_second")
        if (
            speed
            and same
            and (made["model"]["name"].lower(), made["platform"], made["device"], made["dtype"]) == here
        ):
            return Speed(float(speed), True, f"measured in {folder.name}")
    return None


def _kind(recipe: Mapping[str, Any]) -> tuple[Any, ...]:
    """What decides how long a token takes."""
    return tuple(
        recipe.get(name, Recipe.model_fields[name].default) for name in ("method", "tuning", "quantization")
    )
