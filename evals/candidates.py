"""SPEC strings: who answers. `KNOWN` is the one table of them; help texts and forms are read from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from curation.errors import BadUsage, unknown
from evals import endpoint


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of candidate.

    Attributes:
        takes: what follows the colon, "" for nothing.
        says: what it answers with.
        cheap: it is a lookup or a linear model that others must beat to be worth serving.
        model: a model is loaded for it.
        prompted: it may carry a prompt of its own, `@PROMPT`; with `@schema` its answers are held to the
            task's JSON Schema.
    """

    takes: str
    says: str
    cheap: bool = False
    model: bool = False
    prompted: bool = False


KNOWN: dict[str, Kind] = {
    "majority": Kind("", "the commonest training answer", cheap=True),
    "nearest": Kind("", "the answer of the nearest training row by meaning", cheap=True),
    "linear": Kind("", "logistic regression on the vectors of the training rows, for labels", cheap=True),
    "prompt": Kind("", "the base model with the baseline prompt", model=True, prompted=True),
    "few-shot": Kind(
        "K",
        "the base model with K training rows as earlier turns, the same for every question; "
        "few-shot:K~nearest takes the K nearest by meaning for each",
        model=True,
        prompted=True,
    ),
    "retrieval": Kind(
        "K",
        "the base model with the K nearest passages by meaning in its prompt, from the task's documents or, "
        "without any, the training rows",
        model=True,
        prompted=True,
    ),
    "run": Kind(
        "ID", "the model as a training run left it: the base with its adapter, or its own weights", model=True
    ),
    "model": Kind(
        "NAME", "another model: a packaged name, a folder or a hub name", model=True, prompted=True
    ),
    "adapter": Kind("PATH", "the base model with a LoRA adapter made elsewhere", model=True, prompted=True),
    "endpoint": Kind("URL#MODEL", "a model behind an OpenAI-compatible endpoint", prompted=True),
    "answers": Kind("FILE.jsonl", 'answers made elsewhere, one {"id", "answer"} a line'),
}
CHEAP = tuple(name for name, kind in KNOWN.items() if kind.cheap)
SCHEMA = "@schema"
PROMPT_SUFFIXES = (".md", ".txt")
_NEAREST = "~nearest"
_MOST = 64
_NAMED = ("model", "adapter", "endpoint")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One who answers.

    `argument` is what followed the colon; `prompt_file` is the prompt asked in place of the task's: a path,
    or the bare name of one of the project's `prompts/*.md`. With `schema` its answers are held to the task's.
    """

    kind: str
    argument: str = ""
    prompt_file: Path | None = None
    schema: bool = False

    @property
    def name(self) -> str:
        """What answers, scores and summary call it: the SPEC, files by their stem."""
        argument = self._short
        name = f"{self.kind}:{argument}" if argument else self.kind
        return (f"{name}@{self.prompt_name}" if self.prompt_file else name) + self._held

    @property
    def _short(self) -> str:
        path = Path(self.argument)
        if self.kind == "answers":
            return path.stem
        if self.kind == "adapter" or (self.kind == "model" and self.is_folder):
            return path.parent.name if path.name == "adapter" and path.parent.name else path.name
        return self.argument

    @property
    def is_folder(self) -> bool:
        """Whether it is named by a folder: an adapter always is, a model when it is no plain or hub name."""
        text = self.argument
        if self.kind == "model":
            return text.startswith((".", "~", "/")) or text.count("/") > 1
        return self.kind == "adapter"

    @property
    def spec(self) -> str:
        """The SPEC that parses to this candidate."""
        text = f"{self.kind}:{self.argument}" if self.argument else self.kind
        return (f"{text}@{self.prompt_file}" if self.prompt_file else text) + self._held

    @property
    def _held(self) -> str:
        return SCHEMA if self.schema else ""

    @property
    def prompt_name(self) -> str:
        """The name of its own prompt; "" when it has none."""
        if self.prompt_file is None:
            return ""
        return self.prompt_file.stem if self.prompt_is_path else str(self.prompt_file)

    @property
    def prompt_is_path(self) -> bool:
        """Whether its prompt is named by a path; a bare name is looked up in the project."""
        file = self.prompt_file
        return file is not None and (len(file.parts) > 1 or file.suffix in PROMPT_SUFFIXES)

    @property
    def file(self) -> Path | None:
        """The file it cannot answer without: answers made elsewhere, or a prompt of its own."""
        return Path(self.argument) if self.kind == "answers" else self.prompt_file

    @property
    def cheap(self) -> bool:
        """Whether it is a lookup or a linear model that others must beat to be worth serving."""
        return KNOWN[self.kind].cheap

    @property
    def needs_model(self) -> bool:
        """Whether a model is loaded for it."""
        return KNOWN[self.kind].model

    @property
    def shots(self) -> int:
        """How many training rows stand before the question."""
        return int(self.argument.removesuffix(_NEAREST)) if self.kind == "few-shot" else 0

    @property
    def shots_by_meaning(self) -> bool:
        """Whether each question has the training rows that are nearest to it."""
        return self.kind == "few-shot" and self.argument.endswith(_NEAREST)

    @property
    def passages(self) -> int:
        """How many passages are put into the prompt."""
        return int(self.argument) if self.kind == "retrieval" else 0

    def from_folder(self, absolute: Callable[[str], Path]) -> Candidate:
        """The same candidate with the paths a person typed made absolute."""
        one = self
        if one.kind == "answers":
            one = replace(one, argument=str(absolute(one.argument)))
        if one.is_folder or (one.kind == "model" and absolute(one.argument).is_dir()):
            one = replace(one, argument=str(absolute(one.argument)))
        if one.prompt_is_path:
            one = replace(one, prompt_file=absolute(str(one.prompt_file)))
        return one


def parse(spec: str) -> Candidate:
    """Read one SPEC.

    Raises:
        BadUsage: no such kind (near names are suggested), or what follows the colon is wrong.
    """
    kind = spec.partition("@")[0].partition(":")[0]
    if kind not in KNOWN:
        raise unknown("candidate", spec, map(usage, KNOWN))
    known = KNOWN[kind]
    held = spec.endswith(SCHEMA) and (known.prompted or kind == "run")
    spec = spec.removesuffix(SCHEMA) if held else spec
    text, at_sign, prompt = _apart(spec, kind)
    _, colon, argument = text.partition(":")
    if not known.takes and colon:
        raise BadUsage(f"The candidate {kind!r} takes nothing after a colon, got {spec!r}.")
    if known.takes and not argument:
        raise BadUsage(f"The candidate {kind!r} needs {kind}:{known.takes}, got {spec!r}.")
    if at_sign and not prompt.strip():
        raise BadUsage(f"After the @ stands the name or the file of a prompt, got {spec!r}.")
    if kind in ("few-shot", "retrieval"):
        argument = _number(kind, argument)
    if kind == "endpoint":
        endpoint.parse(argument)
    if kind == "run" and Path(argument).name != argument:
        raise BadUsage(f"run:ID needs the id of a run, such as r001, got {argument!r}.")
    if kind == "run" and "@" in argument:
        raise BadUsage(f"A run is asked exactly what it was trained on: no prompt of its own, got {spec!r}.")
    return Candidate(kind, argument, Path(prompt) if prompt else None, held)


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


def usage(kind: str) -> str:
    """How a SPEC of this kind is written."""
    known = KNOWN[kind]
    return f"{kind}:{known.takes}" if known.takes else kind


def _apart(spec: str, kind: str) -> tuple[str, str, str]:
    """The SPEC, the @ and the prompt of its own; what is asked for by a name or a URL may hold an @ itself."""
    if not KNOWN[kind].prompted:
        return spec, "", ""
    if kind not in _NAMED or "@" not in spec:
        return spec.partition("@")
    return spec.rpartition("@")


def _number(kind: str, argument: str) -> str:
    """A number of rows or passages, as it is written once; shots may be the nearest ones."""
    text = argument.removesuffix(_NEAREST) if kind == "few-shot" else argument
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST):
        raise BadUsage(f"{kind}:K needs a whole number from 1 to {_MOST}, got {argument!r}.")
    return str(int(text)) + argument[len(text) :]
