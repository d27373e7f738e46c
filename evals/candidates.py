"""SPEC strings: who answers. Cheap candidates answer from the training rows, without a model.

A cheap candidate is given the rows of `train` and what is asked, never an expected held-out answer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.embed import vectors
from curation.errors import BadInput, BadUsage, unknown
from curation.progress import SILENT, Progress
from evals.examples import Example

if TYPE_CHECKING:
    import numpy as np

# name → (what follows the colon, "" for nothing; what it answers with)
KNOWN: dict[str, tuple[str, str]] = {
    "majority": ("", "the commonest training answer"),
    "nearest": ("", "the answer of the nearest training row by meaning"),
    "linear": ("", "logistic regression on the vectors of the training rows, for labels"),
    "prompt": ("", "the base model with the baseline prompt"),
    "few-shot": ("K", "the base model with K training rows as earlier turns"),
    "run": ("ID", "the base model with the adapter of a training run"),
    "answers": ("FILE.jsonl", 'answers made elsewhere, one {"id", "answer"} a line'),
}
CHEAP = ("majority", "nearest", "linear")
_WITH_PROMPT_FILE = ("prompt", "few-shot")
_MOST_SHOTS = 64
_MISTAKES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """One who answers.

    `argument` is what followed the colon; `prompt_file` replaces the task's baseline prompt.
    """

    kind: str
    argument: str = ""
    prompt_file: Path | None = None

    @property
    def name(self) -> str:
        """What answers, scores and summary call it: the SPEC, files by their stem."""
        argument = Path(self.argument).stem if self.kind == "answers" else self.argument
        name = f"{self.kind}:{argument}" if argument else self.kind
        return f"{name}@{self.prompt_file.stem}" if self.prompt_file else name

    @property
    def spec(self) -> str:
        """The SPEC that parses to this candidate."""
        text = f"{self.kind}:{self.argument}" if self.argument else self.kind
        return f"{text}@{self.prompt_file}" if self.prompt_file else text

    @property
    def file(self) -> Path | None:
        """The file it cannot answer without: answers made elsewhere, or a prompt of its own."""
        return Path(self.argument) if self.kind == "answers" else self.prompt_file

    @property
    def cheap(self) -> bool:
        """Whether it is a lookup or a linear model that others must beat to be worth serving."""
        return self.kind in CHEAP

    @property
    def needs_model(self) -> bool:
        """Whether the base model is loaded for it."""
        return self.kind in ("prompt", "few-shot", "run")

    @property
    def shots(self) -> int:
        """How many training rows stand before the question."""
        return int(self.argument) if self.kind == "few-shot" else 0


def parse(spec: str) -> Candidate:
    """Read one SPEC.

    Raises:
        BadUsage: no such kind (near names are suggested), or what follows the colon is wrong.
    """
    text, _, prompt_file = spec.partition("@") if spec.startswith(_WITH_PROMPT_FILE) else (spec, "", "")
    kind, colon, argument = text.partition(":")
    if kind not in KNOWN:
        raise unknown(
            "candidate", spec, [f"{name}:{KNOWN[name][0]}" if KNOWN[name][0] else name for name in KNOWN]
        )
    wanted = KNOWN[kind][0]
    if not wanted and colon:
        raise BadUsage(f"The candidate {kind!r} takes nothing after a colon, got {spec!r}.")
    if wanted and not argument:
        raise BadUsage(f"The candidate {kind!r} needs {kind}:{wanted}, got {spec!r}.")
    if kind == "few-shot" and not (
        argument.isascii() and argument.isdigit() and 1 <= int(argument) <= _MOST_SHOTS
    ):
        raise BadUsage(f"few-shot:K needs a whole number from 1 to {_MOST_SHOTS}, got {argument!r}.")
    argument = str(int(argument)) if kind == "few-shot" else argument
    if kind == "run" and Path(argument).name != argument:
        raise BadUsage(f"run:ID needs the id of a run, such as r001, got {argument!r}.")
    return Candidate(kind, argument, Path(prompt_file) if prompt_file else None)


def parse_all(specs: Sequence[str]) -> list[Candidate]:
    """Read several SPECs, each once, in the order given.

    Raises:
        BadUsage: none at all, a bad one, or two different ones that would carry the same name.
    """
    if not specs:
        raise BadUsage("An evaluation needs at least one candidate.", hint=f"Known: {', '.join(KNOWN)}.")
    candidates = list(dict.fromkeys(map(parse, specs)))
    twice = [name for name, n in Counter(one.name for one in candidates).items() if n > 1]
    if twice:
        raise BadUsage(f"Two candidates would both be called {twice[0]!r}.", hint="Rename one of the files.")
    files = {one.file for one in candidates if one.file}
    same = [name for name, n in Counter(path.name for path in files).items() if n > 1]
    if same:
        raise BadUsage(f"Two files are both called {same[0]!r}.", hint="Rename one of them.")
    return candidates


def read_answers(path: Path) -> dict[str, str | None]:
    """Answers made elsewhere: content id → answer, None where the file says null (missing).

    An answer that is a JSON object or list is kept as JSON text.

    Raises:
        BadInput: the file is missing, or lines are wrong; the first five are named by number.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The file cannot be read: {error}", where=str(path)) from error
    answers: dict[str, str | None] = {}
    mistakes: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            key, answer = _answer_line(line)
            if key in answers and answers[key] != answer:
                raise ValueError(f"the id {key} was given another answer before")
            answers[key] = answer
        except ValueError as error:
            mistakes.append(f"line {number}: {error}")
    if mistakes:
        more = len(mistakes) - _MISTAKES_SHOWN
        text = "; ".join(mistakes[:_MISTAKES_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise BadInput(
            text, where=str(path), hint='Each line must be one object: {"id": "...", "answer": "..."}.'
        )
    return answers


def _answer_line(line: str) -> tuple[str, str | None]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValueError("not JSON") from error
    if not isinstance(value, dict):
        raise ValueError(f"an object is wanted, found {type(value).__name__}")
    if not isinstance(value.get("id"), str):
        raise ValueError("no `id` that is text")
    if "answer" not in value:
        raise ValueError("no `answer`")
    answer = value["answer"]
    if isinstance(answer, (dict, list)):
        answer = json.dumps(answer, ensure_ascii=False)
    if answer is not None and not isinstance(answer, str):
        raise ValueError(f"`answer` must be text, found {type(answer).__name__}")
    try:
        f"{value['id']}{answer}".encode()
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair, which is no text") from error
    return value["id"], answer


def answer_cheaply(
    candidate: Candidate,
    examples: Sequence[Example],
    train: Sequence[Example],
    *,
    embedder: str,
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> list[str]:
    """The answers of a cheap candidate, one for each example, in order.

    Args:
        candidate: one of `CHEAP`.
        examples: what is asked; only the prompts are looked at.
        train: the training rows, at least one.
        embedder: name of the model of meaning.
        cache: where its vectors are kept.
        progress: told about the stages.
    """
    if candidate.kind == "majority":
        return [majority([row.expected for row in train])] * len(examples)
    known = vectors([row.prompt for row in train], embedder, cache=cache, progress=progress)
    asked = vectors([one.prompt for one in examples], embedder, cache=cache, progress=progress)
    method: Callable[[Any, list[str], Any], list[str]] = nearest if candidate.kind == "nearest" else linear
    return method(known, [row.expected for row in train], asked)


def majority(answers: Sequence[str]) -> str:
    """The commonest text; of equally common ones the first in order of the alphabet."""
    counts = Counter(answers)
    return min(counts, key=lambda text: (-counts[text], text))


def nearest(known: np.ndarray, answers: list[str], asked: np.ndarray) -> list[str]:
    """For each row of `asked` (m, d) the answer of the row of `known` (n, d) with the largest cosine.

    Both are L2-normalised. Of equally near rows the first one wins; memory stays under 64 MB.
    """
    step = max(1, 16_000_000 // max(1, len(known)))
    found: list[str] = []
    for start in range(0, len(asked), step):
        found += [answers[int(i)] for i in (asked[start : start + step] @ known.T).argmax(axis=1)]
    return found


def linear(known: np.ndarray, answers: list[str], asked: np.ndarray) -> list[str]:
    """Labels of `asked` (m, d) by multinomial logistic regression fitted on `known` (n, d).

    C = 10 suits vectors of length 1, whose coordinates are small (scikit-learn's default of 1 shrinks
    them too far to be a fair baseline).
    """
    if len(set(answers)) < 2:
        return [answers[0]] * len(asked)
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0, max_iter=1000)
    return [str(label) for label in model.fit(known, answers).predict(asked)]
