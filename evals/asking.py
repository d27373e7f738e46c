"""Asking models: what answers depend on is frozen first, then one loaded base answers for every candidate.

The tokens of every question and the batches they are asked in are fixed before the first token is written;
a resumed evaluation asks what is missing, in the same batches, on the same kind of device.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curation import chat, models
from curation.dialect import TemplateProblem, Tokenizer
from curation.errors import BadInput
from curation.files import read_json, sha256, write_json
from curation.progress import SILENT, Progress
from curation.project import Project
from curation.task import Task
from curation.work import Work
from evals import documents, examples, generate, prompt_files, prompts, retrieval, spec, trained
from evals.answers import Answer, AnswerFiles
from evals.cache import AnswerCache, answer_key, identity
from evals.candidates import Candidate
from evals.examples import Example
from evals.generate import Decoding, Finished, Generated, Plan, Prompt
from evals.spec import TEMPLATE, Evaluation, Generation, version_of
from evals.trained import Base, Weights

PLAN = "plan.json"
CACHE = "cache.sqlite"
LEAST_NEW_TOKENS = 64
_MEASURED_ROWS = 2000


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


@dataclass(frozen=True, slots=True)
class Session:
    """What all candidates of one evaluation share."""

    folder: Path
    generation: Generation
    on: models.Device
    cache: AnswerCache
    files: AnswerFiles
    work: Work

    @property
    def decoding(self) -> Decoding:
        """How every candidate's answers are written."""
        return Decoding(self.generation.max_new_tokens, tuple(self.generation.stop_ids))

    def identity(self, asked: Asked) -> str:
        """What the answers of one candidate depend on beside the prompt."""
        return identity(self.generation.model_fingerprint, asked.weights.fingerprint, self.on)

    def open(self, asked: Asked) -> list[Prompt]:
        """The questions without an answer so far."""
        return [prompt for prompt in asked.prompts if (asked.name, prompt.key) not in self.files.done]


def ask_models(
    candidates: Sequence[Candidate],
    folder: Path,
    made: Evaluation,
    rows: Sequence[Example],
    files: AnswerFiles,
    work: Work,
) -> None:
    """Let every model candidate answer what it has not answered yet.

    Raises:
        BadInput: a run was trained on another base, or the evaluation was begun on another kind of device.
        MissingModel: the base model is not here.
        Stopped: somebody asked the job to stop.
    """
    place = models.resolve(made.task.model.name, made.task.model.revision, work)
    on = models.device("auto", made.task.model.dtype)
    train, _ = examples.of_split(version_of(folder, made), "train", calls=made.calls)
    tokenizer = models.load_tokenizer(place, template_of(folder))
    panel: list[Asked] = []
    for one in candidates:
        own = _tokenizer_of_run(one, folder, place) or tokenizer
        work.stage(f"{one.name}: questions")
        panel.append(questions(one, folder, made.task, rows, train, own, seed=made.seed, progress=work))
        work.advance(0)
    generation = _freeze(folder, made, panel, place, on, tokenizer, train)
    session = Session(folder, generation, on, AnswerCache(folder.parent / CACHE), files, work)
    for asked in panel:
        _refuse(asked, session)
        _from_cache(asked, session)
    for base in dict.fromkeys(asked.weights.base for asked in panel):
        _answer_on(base, [asked for asked in panel if asked.weights.base == base], place, session)


def _answer_on(base: Base, panel: Sequence[Asked], place: models.ModelPlace, session: Session) -> None:
    """Load one base, let every candidate on it answer, and let it go."""
    if not any(session.open(asked) for asked in panel):
        return
    adapters = {one.candidate.argument: one.weights.adapter for one in panel if one.weights.adapter}
    session.work.stage(f"loading {panel[0].name if base.model else place.name}")
    model = generate.load_adapters(base.load(place, session.on), adapters)
    for asked in panel:
        with generate.adapter(model, asked.candidate.argument if asked.weights.adapter else None) as ready:
            _ask(asked, ready, session)


def questions(
    one: Candidate,
    folder: Path,
    task: Task,
    rows: Sequence[Example],
    train: Sequence[Example],
    tokenizer: Tokenizer,
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
        if run:
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
    return Asked(one, tokenizer, trained.weights_of(run) if run else Weights(), tuple(asked), refused)


def run_folder(one: Candidate, folder: Path) -> Path | None:
    """The training run behind a candidate, in the same project as the evaluation."""
    return Project(folder.parent.parent).runs / one.argument if one.kind == "run" else None


def template_of(folder: Path) -> Path | None:
    """The chat template kept in an evaluation or a run in place of the model's own."""
    path = folder / TEMPLATE
    return path if path.is_file() else None


def new_tokens(task: Task, train: Sequence[Example], tokenizer: Tokenizer) -> tuple[int, str]:
    """Most tokens of an answer, the same for all candidates and splits of a version, with the reason.

    1.5 times the 99th percentile of the training answers (at most 2,000 of them are measured), at least 64.
    """
    if task.max_new_tokens:
        return task.max_new_tokens, "max_new_tokens in the task"
    texts = [row.expected for row in examples.sample(train, _MEASURED_ROWS)]
    lengths = sorted(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]) or [0]
    longest = lengths[math.ceil(0.99 * len(lengths)) - 1] + 1
    most = max(LEAST_NEW_TOKENS, math.ceil(1.5 * longest))
    return (
        most,
        f"1.5 times the 99th percentile of training answers ({longest} tokens), at least {LEAST_NEW_TOKENS}",
    )


def _freeze(
    folder: Path,
    made: Evaluation,
    asked: Sequence[Asked],
    place: models.ModelPlace,
    on: models.Device,
    tokenizer: Tokenizer,
    train: Sequence[Example],
) -> Generation:
    """Write down what the answers depend on; a second try must find the same.

    Raises:
        BadInput: it does not: other weights, another adapter, another device or precision.
    """
    most, why = new_tokens(made.task, train, tokenizer)
    ends = _generation_config(place)
    used_tokenizers = [tokenizer, *(one.tokenizer for one in asked)]
    now = Generation(
        model=place.name,
        model_fingerprint=models.fingerprint(place),
        adapters={one.name: one.weights.fingerprint for one in asked if one.weights.fingerprint},
        device=on.kind,
        dtype=on.dtype,
        device_reason=on.reason,
        max_new_tokens=most,
        max_new_tokens_reason=why,
        stop_ids=sorted({stop for used in used_tokenizers for stop in chat.stop_ids(used, ends)}),
        plan=PLAN,
    )
    if made.generation is None:
        budget = generate.BUDGETS[on.kind]
        write_json(folder / PLAN, {one.name: generate.plan(one.prompts, budget, most) for one in asked})
        spec.save(folder, made.model_copy(update={"generation": now}))
        return now
    before, after = made.generation.model_dump(), now.model_dump()
    other = [key for key in before if before[key] != after[key] and not key.endswith("reason")]
    if other:
        told = "; ".join(f"{key} was {before[key]!r} and is {after[key]!r}" for key in other)
        raise BadInput(
            f"The answers so far were made under other conditions: {told}.",
            where=folder.name,
            hint="Make a new evaluation; answers that can be used again are taken from the cache.",
        )
    return now


def _tokenizer_of_run(one: Candidate, folder: Path, place: models.ModelPlace) -> Tokenizer | None:
    """The tokenizer with the template a run was trained with; None for untrained candidates.

    Raises:
        BadInput: the run was trained on other base weights than those that are loaded.
    """
    run = run_folder(one, folder)
    if run is None:
        return None
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


def _generation_config(place: models.ModelPlace) -> object | None:
    from transformers import GenerationConfig

    try:
        found: object = GenerationConfig.from_pretrained(str(place.path), local_files_only=True)
        return found
    except OSError:
        return None


def _refuse(asked: Asked, session: Session) -> None:
    """Rows that cannot be asked are answers with an error, once."""
    session.files.add(
        [
            Answer(key, asked.name, "", "error", error=f"the question cannot be asked: {why}")
            for key, why in asked.refused.items()
            if (asked.name, key) not in session.files.done
        ]
    )


def _from_cache(asked: Asked, session: Session) -> None:
    """A candidate all of whose open questions were answered before needs no model."""
    missing, same = session.open(asked), session.identity(asked)
    keys = {prompt.key: answer_key(same, prompt.ids, asdict(session.decoding)) for prompt in missing}
    known = session.cache.get(list(keys.values()))
    if len(known) == len(set(keys.values())):
        found = [Generated(key=prompt.key, batch=-1, **known[keys[prompt.key]]) for prompt in missing]
        session.files.add(_answers(asked, found, session.on))


def _ask(asked: Asked, model: Any, session: Session) -> None:  # noqa: ANN401  a transformers or peft model
    """Answer the open batches of the candidate's plan, each kept as soon as it is finished."""
    batches: Plan = read_json(session.folder / PLAN)[asked.name]
    left = {prompt.key for prompt in session.open(asked)}
    if not left:
        return
    session.work.stage(f"{asked.name}: answering", len(left))
    made = 0
    for unit in generate.generate(
        model,
        asked.tokenizer,
        asked.prompts,
        batches,
        session.decoding,
        progress=session.work,
        cache=session.cache,
        identity=session.identity(asked),
        done=frozenset(number for number, batch in enumerate(batches) if left.isdisjoint(batch)),
    ):
        if unit.rest is not None:
            _replanned(asked, unit, session)
        session.files.add(_answers(asked, unit.answers, session.on))
        made += unit.made
    session.work.event("answered", candidate=asked.name, rows=len(left), generated=made)


def _replanned(asked: Asked, unit: Finished, session: Session) -> None:
    """Memory ran out: the rest of the plan has smaller batches, on the disk before they are asked."""
    plans = read_json(session.folder / PLAN)
    plans[asked.name][unit.batch :] = unit.rest
    write_json(session.folder / PLAN, plans)
    session.work.event("replanned", candidate=asked.name, message=unit.note)


def _answers(one: Asked, made: Sequence[Generated], on: models.Device) -> list[Answer]:
    hashes = {prompt.key: sha256(array("q", prompt.ids).tobytes())[:16] for prompt in one.prompts}
    return [
        Answer(
            answer.key,
            one.name,
            answer.text,
            answer.finish,
            prompt_hash=hashes[answer.key],
            batch="cache" if answer.batch < 0 else str(answer.batch),
            dtype=on.dtype,
            raw=answer.raw_text,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            seconds=answer.seconds,
            error=answer.error,
        )
        for answer in made
    ]
