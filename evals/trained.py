"""What a training run left behind, as evaluations ask it: weights, template and system prompt.

An adapter is asked on the base it was trained on, in 4 bits if it was trained so: that is what would be served.
The untrained candidates always answer with the base as the task names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curation import models
from curation import task as tasks
from curation.errors import TouchstoneError
from curation.files import read_yaml
from curation.task import Task


@dataclass(frozen=True, slots=True)
class Base:
    """Weights that are loaded once: a run's own model, else the task's, in 4 bits or as they are."""

    model: Path | None = None
    nf4: bool = False

    def load(self, place: models.ModelPlace, on: models.Device) -> object:
        """The model; `place` is the task's."""
        own = models.resolve(str(self.model)) if self.model else place
        return models.load_model(own, on, "nf4" if self.nf4 else "none")


@dataclass(frozen=True, slots=True)
class Weights:
    """A base and the adapter on it; `fingerprint` is None for the untrained base."""

    base: Base = Base()
    adapter: Path | None = None
    fingerprint: str | None = None

    @property
    def slot(self) -> str:
        """What the adapter is called beside others on a loaded base; no dot may be in it."""
        return f"adapter-{(self.fingerprint or '')[:16]}"


BASE = Weights()
"""The untrained base."""


def weights_of(run: Path) -> Weights:
    """The weights of a finished run."""
    if (run / "model").is_dir():
        return Weights(Base(run / "model"), None, models.fingerprint(run / "model"))
    adapter = run / "adapter"
    nf4 = _quantised(run)
    return Weights(Base(None, nf4), adapter, models.fingerprint(adapter) + ("@nf4" if nf4 else ""))


def system_prompt(run: Path, task: Task) -> str | None:
    """The system prompt a run was trained with: the one in its own copy of the task."""
    own = run / "task.yaml"
    return tasks.load(own).system_prompt if own.is_file() else task.system_prompt


def _quantised(run: Path) -> bool:
    try:
        return read_yaml(run / "recipe.yaml").get("quantization") == "nf4"
    except TouchstoneError:
        return False
