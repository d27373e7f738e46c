"""What each model candidate is asked, as the very tokens that are sent, and the weights that answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from curation import chat, models
from curation.dialect import TemplateProblem, Tokenizer
from curation.errors import BadInput
from curation.files import read_json
from curation.progress import SILENT, Progress
from curation.project import Project
from curation.task import Task
from evals import brought, documents, prompt_files, prompts, retrieval, trained
from evals.candidates import Candidate
from evals.examples import Example
from evals.generate import Prompt
from evals.spec import TEMPLATE
from evals.trained import BASE, Weights


@dataclass(frozen=True, slots=True)
class Asked:
    """One candidate's questions as tokens; `refused` are rows its template cannot ask, with the reason."""

    candidate: Candidate
    tokenizer: Tokenizer
    weights: Weights
    prompts: tuple[Prompt, ...]
    refused: dict[str, str]

    @property
    def name(self) -> str:
        """The candidate's name."""
        return self.candidate.name


class Source(NamedTuple):
    """What a candidate answers with."""

    tokenizer: Tokenizer
    weights: Weights


def source_of(
    one: Candidate, folder: Path, place: models.ModelPlace, tokenizer: Tokenizer, progress: Progress = SILENT
) -> Source:
    """The tokenizer and the weights of a candidate.

    Args:
        one: the candidate.
        folder: the evaluation, inside its project.
        place: the task's base model.
        tokenizer: the base's, with the template the task gives it.
        progress: told while a model is fetched or converted.

    Raises:
        BadInput: a run or an adapter that belongs to another base.
        MissingModel: a model or an adapter that is not here.
    """
    if one.kind == "model":
        own = models.resolve(one.argument, progress=progress)
        return Source(
            models.load_tokenizer(own), Weights(trained.Base(own.path), None, models.fingerprint(own))
        )
    if one.kind == "adapter":
        adapter = Path(one.argument)
        brought.check(adapter, place.name)
        template = brought.template_of(adapter)
        return Source(
            models.load_tokenizer(place, template) if template else tokenizer,
            Weights(BASE.base, adapter, models.fingerprint(adapter)),
        )
    run = run_folder(one, folder)
    if run is None:
        return Source(tokenizer, BASE)
    return Source(_tokenizer_of_run(one, run, place), trained.weights_of(run))


def of(
    one: Candidate,
    folder: Path,
    task: Task,
    rows: Sequence[Example],
    train: Sequence[Example],
    tokenizer: Tokenizer,
    weights: Weights = BASE,
    *,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Asked:
    """What a candidate is asked for each row, as the very tokens that are sent."""
    run = run_folder(one, folder)
    system = trained.system_prompt(run, task) if run else task.system_prompt
    own = prompt_files.read(folder / one.prompt_file) if one.prompt_file else None
    found = retrieval.beside(
        one, rows, train, task,
        documents=documents.kept(folder), seed=seed, cache=Project(folder.parent.parent).vectors,
        progress=progress,
    )  # fmt: skip
    asked, refused = [], {}
    for row, near in zip(rows, found, strict=True):
        if own is None and one.kind in ("run", "adapter"):
            turns = prompts.for_run(row.messages, system)
        elif own is not None:
            turns = prompts.from_file(row.messages, own, task, shots=near.shots, context=near.context)
        else:
            turns = prompts.for_untrained(
                row.messages,
                baseline=task.system_for_baseline(),
                system_prompt=system,
                shots=near.shots,
                context=near.context,
            )
        try:
            asked.append(Prompt(row.id, tuple(chat.prompt_ids(tokenizer, turns, row.tools))))
        except TemplateProblem as problem:
            refused[row.id] = problem.message
    return Asked(one, tokenizer, weights, tuple(asked), refused)


def run_folder(one: Candidate, folder: Path) -> Path | None:
    """The training run behind a candidate, in the same project as the evaluation."""
    return Project(folder.parent.parent).runs / one.argument if one.kind == "run" else None


def template_of(folder: Path) -> Path | None:
    """The chat template kept in an evaluation or a run in place of the model's own."""
    path = folder / TEMPLATE
    return path if path.is_file() else None


def _tokenizer_of_run(one: Candidate, run: Path, place: models.ModelPlace) -> Tokenizer:
    """The tokenizer with the template a run was trained with.

    Raises:
        BadInput: the run was trained on other base weights than those that are loaded.
    """
    trained_on = (read_json(run / "manifest.json") if (run / "manifest.json").is_file() else {}).get(
        "model", {}
    )
    if trained_on.get("fingerprint") not in (None, models.fingerprint(place)):
        raise BadInput(
            f"The run was trained on {trained_on['name']}; {place.name} as it is here has other weights.",
            where=one.argument,
            hint="Put the run's model back into task.yaml, or train on the new one.",
        )
    tokenizer: Tokenizer = models.load_tokenizer(place, template_of(run))
    return tokenizer
