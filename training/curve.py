"""The loss curve of a run, read from its events: each step once, whatever was stopped and resumed between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curation import events


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve; for pairs also the share of chosen answers preferred, and by what margin."""

    step: int
    loss: float
    learning_rate: float | None = None
    tokens_per_second: float | None = None
    accuracy: float | None = None
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Training and validation loss by step, each step once, whatever was stopped and resumed between."""

    train: tuple[Point, ...]
    validation: tuple[Point, ...]
    total_steps: int | None
    eta_seconds: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """What the model answered to one validation row at one step."""

    step: int
    id: str
    answer: str
    expected: str
    finish: str


def samples(folder: Path) -> list[Sample]:
    """The answers written out during training, by row and step; what an attempt lost is answered anew."""
    found: dict[tuple[str, int], Sample] = {}
    for event in events.read(folder, kinds=("begin", "sample")):
        said = event.fields
        if event.kind == "begin":
            found = {key: one for key, one in found.items() if one.step <= said["step"]}
        else:
            named = {name: said[name] for name in ("step", "id", "answer", "expected", "finish")}
            found[said["id"], said["step"]] = Sample(**named)
    return [found[key] for key in sorted(found)]


def loss_curve(folder: Path) -> Curve:
    """Read a run's curve from its events.

    A resumed attempt begins at its checkpoint's step; what an earlier one wrote beyond that is forgotten.
    """
    train: dict[int, Point] = {}
    held: dict[int, Point] = {}
    total: int | None = None
    eta: float | None = None
    for event in events.read(folder, kinds=("begin", "loss", "eval_loss")):
        said = event.fields
        step = said["step"]
        if event.kind == "begin":
            total, eta = said["total_steps"], None
            train = {at: point for at, point in train.items() if at <= step}
            held = {at: point for at, point in held.items() if at <= step}
        elif event.kind == "loss":
            train[step] = Point(
                step,
                said["loss"],
                said.get("learning_rate"),
                said.get("tokens_per_second"),
                said.get("accuracy"),
                said.get("margin"),
            )
            eta = said.get("eta_seconds")
        elif said["loss"] is not None:
            held[step] = Point(step, said["loss"], accuracy=said.get("accuracy"), margin=said.get("margin"))
    return Curve(tuple(train.values()), tuple(held.values()), total, eta)
