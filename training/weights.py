"""The weights of a run: the base as it is trained on, the adapter or the whole model, saved and read back.

An adapter begins as nothing, so switching it off gives the base bit for bit: the baseline stays the baseline.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import models
from training import checkpoints
from training.recipe import Recipe

if TYPE_CHECKING:
    from training.manifest import Run


def load(run: Run, place: models.ModelPlace, device: models.Device) -> Any:  # noqa: ANN401
    """The model to train: in 4 bits where the recipe says so, in 32 bits where every weight is trained.

    In 16 bits most steps of full fine-tuning would be smaller than a weight can change by.
    """
    if run.recipe.tuning == "full":
        model = models.load_model(place, replace(device, dtype="float32"))
        model.train()
        return model
    return models.load_model(place, device, run.recipe.quantization)


def adapter_config(recipe: Recipe) -> Any:  # noqa: ANN401
    """PEFT's settings for the recipe's adapter."""
    from peft import LoraConfig

    targets = recipe.target_modules
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        use_dora=recipe.use_dora,
        use_rslora=recipe.use_rslora,
        bias="none",
    )


def keep_adapter_precise(model: Any, recipe: Recipe) -> None:  # noqa: ANN401
    """Undo TRL's cast of an adapter on 4-bit weights to 16 bits: it is trained in 32 bits like every other."""
    if recipe.quantization == "none":
        return
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()


def take(model: Any, checkpoint: Path) -> None:  # noqa: ANN401
    """Put a checkpoint's weights into the model."""
    from safetensors.torch import load_file

    stored = {
        name: tensor for path in checkpoints.weights(checkpoint) for name, tensor in load_file(path).items()
    }
    if hasattr(model, "peft_config"):
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(model, stored)
    else:
        model.load_state_dict(stored, strict=False)  # a tied output layer is stored once
        model.tie_weights()


def save(run: Run, model: Any, tokenizer: Any, place: models.ModelPlace) -> None:  # noqa: ANN401
    """Write adapter/ or model/ whole or not at all."""
    folder = run.model if run.recipe.tuning == "full" else run.adapter
    part = folder.with_name(f".{folder.name}.part")
    for old in (part, folder):
        shutil.rmtree(old, ignore_errors=True)
    if run.recipe.tuning == "full":
        import torch

        model.to(getattr(torch, run.manifest.dtype)).save_pretrained(str(part))
    else:
        _name_the_base(model.peft_config["default"], place)
        model.save_pretrained(str(part), save_embedding_layers=False, selected_adapters=["default"])
    tokenizer.save_pretrained(str(part))
    (part / "README.md").unlink(missing_ok=True)
    checkpoints.settle(part)
    os.replace(part, folder)


def _name_the_base(config: Any, place: models.ModelPlace) -> None:  # noqa: ANN401
    """The adapter's base is the task's name for it, not a local path."""
    config.base_model_name_or_path = place.name
    config.revision = place.revision
    if not isinstance(config.target_modules, str):
        config.target_modules = sorted(config.target_modules)  # a set: its order would change the file
