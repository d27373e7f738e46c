"""What a candidate needs before an evaluation is made with it, and its files, kept in the evaluation's folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from curation import jobs, models
from curation.errors import BadInput, BadUsage, NotReady
from curation.files import canonical_json, sha256
from curation.project import Project
from curation.task import Task
from evals import brought, constrained, documents, endpoint, endpoint_asking, price, prompt_files
from evals.candidates import Candidate, parse_all
from evals.examples import Example
from evals.given import read_answers

GIVEN = "given"


def named(specs: Sequence[str], project: Project) -> list[Candidate]:
    """The candidates of these SPECs, the project's own prompts found by name.

    Raises:
        BadUsage: a SPEC that cannot be meant, or a prompt that the project does not have.
        BadInput: a prompt file that is missing.
    """
    return [prompt_files.located(one, project) for one in parse_all(specs)]


def check(
    one: Candidate,
    project: Project,
    task: Task,
    rows: Sequence[Example],
    train: Sequence[Example],
    after: Sequence[Path] = (),
) -> None:
    """Refuse a candidate that could not answer.

    Args:
        one: from `named`.
        project: where its run is.
        task: what is asked.
        rows: what will be asked.
        train: the training rows of the version.
        after: job folders that will be done first.

    Raises:
        BadUsage: a candidate this task or version cannot have.
        BadInput: a file of its own that cannot be used.
        MissingModel: a folder that is no model or adapter.
        NotReady: a run that has not finished.
    """
    if one.cheap and one.kind not in task.traits.cheap_baselines:
        raise BadUsage(
            f"{one.kind!r} needs labels, and this task is {task.traits.says}.",
            hint=f"Cheap candidates here: {', '.join(task.traits.cheap_baselines)}.",
        )
    least = max(one.shots, int(one.cheap), int(bool(one.passages) and not task.documents))
    if len(train) < least:
        raise BadUsage(f"{one.spec!r} needs {least} training rows; the version has {len(train)}.")
    if one.prompt_file:
        text, where = prompt_files.read(one.prompt_file), str(one.prompt_file)
        prompt_files.check(text, task, where=where, context=bool(one.passages))
    if one.schema:
        if not task.output_schema:
            raise BadUsage(f"{one.spec!r} holds answers to a schema, and the task has no output_schema.")
        if one.needs_model:
            constrained.check(task.output_schema)
    if one.kind == "answers":
        _must_answer(one, rows)
    if one.kind == "model" and one.is_folder:
        models.resolve(one.argument)
    if one.kind == "adapter":
        brought.check(Path(one.argument), task.model.name)
    if one.kind == "run":
        _must_be_trained(one, project, after)


def passages_for(
    candidates: Sequence[Candidate], project: Project, task: Task
) -> list[documents.Passage] | None:
    """The passages of the task's documents; None when nobody needs them, or there are none to look in.

    Raises:
        BadInput: the folder cannot be used.
    """
    if not task.documents or not any(one.passages for one in candidates):
        return None
    return documents.read(project.folder / Path(task.documents).expanduser())


def afford(
    candidates: Sequence[Candidate],
    task: Task,
    rows: Sequence[Example],
    train: Sequence[Example],
    cap: float | None,
) -> None:
    """Refuse to ask endpoints whose keys are missing, or whose answers cost what nobody agreed to.

    Raises:
        NotReady: an API key is not in the environment.
        BadUsage: the estimated cost is above the cap, or cannot be known.
    """
    asked = {}
    for one in candidates:
        if one.kind == "endpoint":
            at = endpoint.of(one.argument, task)
            at.key()
            prompt = prompt_files.read(one.prompt_file) if one.prompt_file else None
            asked[one.name] = (
                at.settings,
                list(endpoint_asking.requests(one, task, rows, train, prompt).values()),
            )
    if asked:
        price.check(asked, cap)


def contents_of(
    candidates: Sequence[Candidate], task: Task, passages: Sequence[documents.Passage] | None = None
) -> dict[str, str]:
    """SHA-256 of what candidates depend on beside their name, by name; those with nothing are left out.

    A file of answers is the same whatever its line order and spacing.

    Args:
        candidates: from `named`.
        task: has the options of endpoints.
        passages: those of `passages_for`.

    Raises:
        BadInput: a file is missing or has bad lines.
    """
    found = {}
    for one in candidates:
        told: list[object] = []
        if one.kind == "answers":
            told.append(read_answers(Path(one.argument)))
        if one.prompt_file:
            told.append(prompt_files.read(one.prompt_file))
        if one.passages and passages is not None:
            told.append([asdict(passage) for passage in passages])
        if one.is_folder:
            told.append(models.fingerprint(Path(one.argument).expanduser()))
        if one.kind == "endpoint":
            told.append(endpoint.of(one.argument, task).settings.options)
        if told:
            found[one.name] = sha256(canonical_json(told))
    return found


def copied(one: Candidate, folder: Path) -> Candidate:
    """The candidate with its file inside the evaluation folder, named relative to it."""
    if one.file is None:
        return one
    kept = Path(GIVEN, one.file.name)
    (folder / GIVEN).mkdir(exist_ok=True)
    shutil.copyfile(one.file, folder / kept)
    return replace(one, argument=str(kept)) if one.kind == "answers" else replace(one, prompt_file=kept)


def _must_answer(one: Candidate, rows: Sequence[Example]) -> None:
    known = read_answers(Path(one.argument))
    if not any(row.id in known for row in rows):
        raise BadInput(
            f"None of its {len(known)} ids is a row of this split.",
            where=one.argument,
            hint="Ids are those of the exported rows: workbench export PROJECT VERSION --to DIR",
        )


def _must_be_trained(one: Candidate, project: Project, after: Sequence[Path]) -> None:
    run_folder = jobs.find(project.runs, one.argument)
    state = jobs.state(run_folder)
    if state.state != "done" and run_folder.resolve() not in [other.resolve() for other in after]:
        raise NotReady(
            f"The run is {state.state}; it has no finished weights.",
            where=one.argument,
            hint=f"Wait for it, or resume it: workbench resume {project.folder} {one.argument}",
        )
