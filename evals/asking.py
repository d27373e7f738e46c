"""Asking models: what answers depend on is frozen first, then one loaded base answers for every candidate.

The tokens of every question and the batches they are asked in are fixed before the first token is written;
a resumed evaluation asks what is missing, in the same batches, on the same kind of device.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curation import models
from curation.files import read_json, sha256, write_json
from curation.task import Task
from curation.work import Work
from evals import brought, conditions, constrained, examples, generate, questions
from evals.answers import Answer, AnswerFiles
from evals.cache import AnswerCache, answer_key, identity
from evals.candidates import Candidate
from evals.conditions import PLAN
from evals.examples import Example
from evals.generate import Decoding, Finished, Generated, Plan, Prompt
from evals.questions import Asked
from evals.spec import Evaluation, Generation, version_of
from evals.trained import Base

CACHE = "cache.sqlite"


@dataclass(frozen=True, slots=True)
class Session:
    """What all candidates of one evaluation share."""

    folder: Path
    task: Task
    generation: Generation
    on: models.Device
    cache: AnswerCache
    files: AnswerFiles
    work: Work

    def decoding(self, asked: Asked) -> Decoding:
        """How a candidate's answers are written."""
        found = self.generation.decoding(asked.name)
        return Decoding(found.max_new_tokens, tuple(found.stop_ids))

    def identity(self, asked: Asked) -> str:
        """What the answers of one candidate depend on beside the prompt."""
        same = identity(self.generation.model_fingerprint, asked.weights.fingerprint, self.on)
        schema = self.schema_for(asked)
        return same if schema is None else sha256(same + constrained.fingerprint(schema))

    def schema_for(self, asked: Asked) -> dict[str, Any] | None:
        """The schema its answers are held to."""
        return self.task.output_schema if asked.candidate.schema else None

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
    tokenizer = models.load_tokenizer(place, questions.template_of(folder))
    panel: list[Asked] = []
    for one in candidates:
        work.stage(f"{one.name}: questions")
        source = questions.source_of(one, folder, place, tokenizer, work)
        panel.append(
            questions.of(one, folder, made.task, rows, train, *source, seed=made.seed, progress=work)
        )
        work.advance(0)
    generation = conditions.freeze(folder, made, panel, place, on, tokenizer, train)
    session = Session(folder, made.task, generation, on, AnswerCache(folder.parent / CACHE), files, work)
    for asked in panel:
        _refuse(asked, session)
        _from_cache(asked, session)
    for base in dict.fromkeys(asked.weights.base for asked in panel):
        _answer_on(base, [asked for asked in panel if asked.weights.base == base], place, session)


def _answer_on(base: Base, panel: Sequence[Asked], place: models.ModelPlace, session: Session) -> None:
    """Load one base, let every candidate on it answer, and let it go."""
    if not any(session.open(asked) for asked in panel):
        return
    adapters = {one.weights.slot: one.weights.adapter for one in panel if one.weights.adapter}
    session.work.stage(f"loading {panel[0].name if base.model else place.name}")
    model = base.load(place, session.on)
    for one in panel:
        if one.candidate.kind == "adapter":
            brought.must_fit(model, Path(one.candidate.argument), place.name)
    model = generate.load_adapters(model, adapters)
    for asked in panel:
        with generate.adapter(model, asked.weights.slot if asked.weights.adapter else None) as ready:
            _ask(asked, ready, session)


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
    keys = {prompt.key: answer_key(same, prompt.ids, asdict(session.decoding(asked))) for prompt in missing}
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
    decoding, schema = session.decoding(asked), session.schema_for(asked)
    guide = None
    if schema is not None:
        width = int(model.config.get_text_config().vocab_size)
        guide = constrained.Guide(schema, asked.tokenizer, decoding.stop_ids, width)
    made = 0
    for unit in generate.generate(
        model,
        asked.tokenizer,
        asked.prompts,
        batches,
        decoding,
        progress=session.work,
        cache=session.cache,
        identity=session.identity(asked),
        done=frozenset(number for number, batch in enumerate(batches) if left.isdisjoint(batch)),
        guide=guide,
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
