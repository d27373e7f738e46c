"""Checkpoints of a run: which ones can be resumed from without changing the outcome.

transformers looks at names alone, and resumes without a word from a checkpoint that has lost its optimizer
(fresh moments, the warm-up again) or its random states (other dropout). Only a complete one counts here.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from curation.errors import TouchstoneError
from curation.files import read_json
from training.estimate import tensor_shapes

ADAPTER = "adapter_model.safetensors"
WHOLE = "model.safetensors"
STATES = ("optimizer.pt", "scheduler.pt", "rng_state.pth")
LAST_WRITTEN = "trainer_state.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint and the number of optimizer steps it holds."""

    folder: Path
    step: int


def newest(folder: Path) -> Checkpoint | None:
    """The newest complete checkpoint below `folder`, None when there is none."""
    return max(_complete(folder), key=lambda one: one.step, default=None)


def clear_incomplete(folder: Path) -> None:
    """Remove what a killed process left half-written."""
    kept = {one.folder for one in _complete(folder)}
    for path in folder.glob("checkpoint-*"):
        if path not in kept:
            shutil.rmtree(path)


def what_is_wrong(folder: Path) -> str:
    """Why a checkpoint cannot be resumed from; "" when it can.

    transformers writes trainer_state.json last, so without it the rest cannot be trusted.
    """
    try:
        step = read_json(folder / LAST_WRITTEN)["global_step"]
        if f"checkpoint-{step}" != folder.name:
            return f"{LAST_WRITTEN} is of step {step}"
        for path in weights(folder):
            if not tensor_shapes(path):
                return f"{path.name} is empty"
    except (TouchstoneError, KeyError, TypeError) as error:
        return str(error)
    broken = [name for name in STATES if not zipfile.is_zipfile(folder / name)]
    return f"{broken[0]} is missing or cut off" if broken else ""


def weights(folder: Path) -> list[Path]:
    """The files of weights in a checkpoint: an adapter's one, or the model's, which may be several.

    Raises:
        BadInput: the index that lists several files cannot be read.
    """
    if (folder / f"{WHOLE}.index.json").is_file():
        listed = read_json(folder / f"{WHOLE}.index.json")["weight_map"].values()
        return [folder / name for name in sorted(set(listed))]
    return [folder / (WHOLE if (folder / WHOLE).is_file() else ADAPTER)]


def settle(folder: Path) -> None:
    """Have the disk, not only the system's cache, hold every file of a checkpoint."""
    for path in folder.iterdir():
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _complete(folder: Path) -> list[Checkpoint]:
    found = [
        path for path in folder.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdecimal()
    ]
    return [
        Checkpoint(path, int(path.name.removeprefix("checkpoint-")))
        for path in found
        if not what_is_wrong(path)
    ]
