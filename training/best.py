"""The best weights of a run by validation loss, kept beside its checkpoints, and when to stop waiting for better.

Which step was best is read from the run's curve, so a resumed run decides as one that ran through.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.files import read_json, write_json
from training.curve import loss_curve

if TYPE_CHECKING:
    from training.manifest import Run

WEIGHTS, SAID = "best.safetensors", "best.json"


def best_step(folder: Path) -> int | None:
    """The step with the lowest validation loss, the first of equal ones; None before there is a loss."""
    held = loss_curve(folder).validation
    return min(held, key=lambda point: (point.loss, point.step)).step if held else None


def tired(folder: Path, patience: int | None) -> bool:
    """Whether so many validation losses in a row were no better than the best before them."""
    losses = [point.loss for point in loss_curve(folder).validation]
    return patience is not None and bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= patience


def keep(run: Run, model: Any, step: int) -> None:  # noqa: ANN401
    """Put the trained weights aside if this step is the best so far; whole or not at all."""
    if best_step(run.folder) != step:
        return
    from safetensors.torch import save_file

    part = run.folder / f".{WEIGHTS}.part"
    save_file({name: weight.detach().cpu().contiguous() for name, weight in _trained(model)}, part)
    os.replace(part, run.folder / WEIGHTS)
    write_json(run.folder / SAID, {"step": step})


def restore(run: Run, model: Any) -> int | None:  # noqa: ANN401
    """Put the best weights into the model; gives their step, None where there are none."""
    if not (run.folder / SAID).is_file():
        return None
    import torch
    from safetensors.torch import load_file

    stored = load_file(run.folder / WEIGHTS)
    with torch.no_grad():
        for name, weight in _trained(model):
            weight.copy_(stored[name].to(weight.device, weight.dtype))
    return int(read_json(run.folder / SAID)["step"])


def forget(run: Run) -> None:
    """Remove what was put aside, once the run's own weights are saved."""
    (run.folder / WEIGHTS).unlink(missing_ok=True)


def _trained(model: Any) -> list[tuple[str, Any]]:  # noqa: ANN401
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
