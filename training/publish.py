"""Handing a run on: the adapter or one merged model, with a card that says what it is and what was proven.

The folder is what PEFT, transformers, vLLM and llama.cpp's converter read. A merged model is another model than
the one that was judged, so its answers are held against the adapter's before it is called done.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from curation import chat, jobs, models
from curation.dialect import Tokenizer
from curation.errors import BadUsage, NotReady, TouchstoneError
from curation.files import sha256_file, write_atomic, write_json
from curation.progress import SILENT, Progress
from curation.project import Project
from evals import conditions, examples, generate, looks, prompts, trained, verdict
from evals.generate import Decoding, Prompt
from evals.verdict import Verdict
from training import card, manifest
from training.manifest import Run

Form = Literal["adapter", "merged"]
ROWS = 20
"""Validation rows on which a merged model is held against the adapter."""
VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM serves (`vllm/config/lora.py`)."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was written, and how a merged model compares with what was judged."""

    folder: Path
    form: Form
    files: dict[str, str]
    same_answers: int | None
    asked: int | None
    serves: str
    verdict: Verdict | None


def publish(
    project: Project,
    name: str,
    to: Path,
    *,
    form: Form = "adapter",
    rows: int = ROWS,
    progress: Progress = SILENT,
) -> Published:
    """Write a finished run as a folder of its own, whole or not at all.

    Args:
        project: where the run is.
        name: id of the run.
        to: a folder that does not exist yet, or is empty.
        form: the adapter as it was judged, or one model with the adapter merged into the base. The weights of
            full fine-tuning are one model already.
        rows: validation rows on which a merged model must be compared; 0 leaves that out.
        progress: told about the stages.

    Raises:
        NotReady: the run has not finished.
        BadUsage: the folder holds something.
        MissingModel: the base model is not here.
    """
    folder = jobs.find(project.runs, name)
    if jobs.state(folder).state != "done":
        raise NotReady(f"{name} has not finished: {jobs.state(folder).state}.", where=name)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BadUsage("This folder holds something already.", where=str(to), hint="Name another one.")
    run = manifest.open_run(folder)
    full = run.recipe.tuning == "full"
    part = to.with_name(f".{to.name}.{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    try:
        same = None
        if form == "adapter" or full:
            shutil.copytree(run.model if full else run.adapter, part)
        else:
            same = _merge(run, part, rows, progress)
        given = judged(project, name)
        serves = serving(run, "merged" if full else form)
        write_atomic(
            part / "README.md", card.text(run, given, serves=serves, merged=form == "merged", same=same)
        )
        files = {path.name: sha256_file(path) for path in sorted(part.iterdir()) if path.is_file()}
        write_json(part / "touchstone.json", _provenance(run, given, files))
        to.parent.mkdir(parents=True, exist_ok=True)
        if to.is_dir():
            to.rmdir()
        os.replace(part, to)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    asked = same[1] if same else None
    return Published(to, form, files, same[0] if same else None, asked, serves, given)


def judged(project: Project, name: str) -> Verdict | None:
    """The newest verdict that was given on a run, computed again; None without one."""
    candidate = f"run:{name}"
    for look in reversed(looks.read(project.evals / looks.REGISTER)):
        if look.candidate == candidate and (project.evals / look.evaluation).is_dir():
            try:
                return verdict.judge(project.evals / look.evaluation, candidate, record=False)
            except TouchstoneError:
                return None
    return None


def serving(run: Run, form: Form) -> str:
    """How vLLM serves the folder, or why it does not."""
    if form == "merged":
        return "vllm serve FOLDER"
    recipe = run.recipe
    if recipe.use_dora:
        return "vLLM does not serve DoRA adapters: publish it merged."
    if recipe.r > max(VLLM_RANKS):
        return f"vLLM serves ranks up to {max(VLLM_RANKS)}: publish it merged."
    rank = next(one for one in VLLM_RANKS if one >= recipe.r)
    return (
        f"vllm serve {run.manifest.model.name} --enable-lora --max-lora-rank {rank} "
        f"--lora-modules {run.folder.name}=FOLDER"
    )


def _merge(run: Run, part: Path, rows: int, progress: Progress) -> tuple[int, int]:
    """Merge in the base's own precision, never into 4 bits; gives (answers that stayed the same, asked)."""
    place = models.resolve(run.task.model.name, run.task.model.revision, progress)
    on = models.device("auto", run.task.model.dtype)
    tokenizer = models.load_tokenizer(place, run.template)
    asked, decoding = _questions(run, tokenizer, place, rows)
    progress.stage(f"Merging into {place.name}")
    judged_on = trained.weights_of(run.folder).base
    model: Any = generate.load_adapters(judged_on.load(place, on), {"run": run.adapter})
    before = _answers(model, tokenizer, asked, decoding, on, progress)
    if judged_on.nf4:
        model = generate.load_adapters(models.load_model(place, on), {"run": run.adapter})
    merged = model.merge_and_unload(safe_merge=True)
    merged.save_pretrained(str(part))
    tokenizer.save_pretrained(str(part))
    written = models.load_model(models.resolve(str(part)), on)
    after = _answers(written, tokenizer, asked, decoding, on, progress)
    return sum(before[key] == after[key] for key in before), len(asked)


def _questions(
    run: Run, tokenizer: Tokenizer, place: models.ModelPlace, rows: int
) -> tuple[list[Prompt], Decoding]:
    held = examples.sample(examples.of_split(run.version, "validation")[0], rows)
    train = examples.of_split(run.version, "train")[0]
    asked = [
        Prompt(
            row.id,
            tuple(
                chat.prompt_ids(tokenizer, prompts.for_run(row.messages, run.task.system_prompt), row.tools)
            ),
        )
        for row in held
    ]
    most, _ = conditions.new_tokens(run.task, train, tokenizer)
    return asked, Decoding(most, tuple(sorted(conditions.stop_ids(tokenizer, place.path))))


def _answers(
    model: Any,  # noqa: ANN401  a transformers or peft model
    tokenizer: Tokenizer,
    asked: Sequence[Prompt],
    decoding: Decoding,
    on: models.Device,
    progress: Progress,
) -> dict[str, str]:
    progress.stage("Asking again", len(asked))
    plan = generate.plan(asked, generate.BUDGETS[on.kind], decoding.max_new_tokens)
    found = {}
    for unit in generate.generate(model, tokenizer, asked, plan, decoding, progress=progress):
        found.update({one.key: one.text for one in unit.answers})
    return found


def _provenance(run: Run, given: Verdict | None, files: dict[str, str]) -> dict[str, Any]:
    said = run.manifest
    return {
        "run": run.folder.name,
        "model": said.model.model_dump(mode="json"),
        "version": run.version.name,
        "version_fingerprint": said.version_fingerprint,
        "recipe": run.recipe.model_dump(mode="json"),
        "recipe_hash": said.recipe_hash,
        "tokens_digest": said.digest,
        "packages": said.packages,
        "git_commit": said.git_commit,
        "verdict": given.as_json() if given else None,
        "files": files,
    }
