"""Adapters brought from elsewhere: is it LoRA in safetensors, was it made for this base, does it fit?

Nothing in the folder is run. An adapter that would change the base's own weights is refused, so that the base
beside it stays the base.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.errors import BadInput, MissingModel
from curation.files import read_json

SETTINGS = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_TEMPLATE = "chat_template.jinja"
_PREFIX = "base_model.model."
_SHOWN = 3
_CHANGE_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


def check(folder: Path, base: str) -> None:
    """Refuse what is no adapter of this base, as far as its settings tell.

    Args:
        folder: where the adapter lies.
        base: the name of the task's model.

    Raises:
        MissingModel: no adapter there, or its weights are pickled.
        BadInput: not LoRA, another base model, or one that changes the base's own weights.
    """
    if not (folder / SETTINGS).is_file():
        raise MissingModel(
            f"There is no adapter here (no {SETTINGS}).",
            where=str(folder),
            hint="Give the folder that PEFT wrote.",
        )
    if not (folder / WEIGHTS).is_file():
        raise MissingModel(
            f"This adapter has no {WEIGHTS}.",
            where=str(folder),
            hint="Save it with safetensors; pickled weights are never opened.",
        )
    settings = read_json(folder / SETTINGS)
    if not isinstance(settings, dict) or settings.get("peft_type") != "LORA":
        told = settings.get("peft_type") if isinstance(settings, dict) else None
        raise BadInput(f"A LoRA adapter is wanted; this one is {told!r}.", where=str(folder))
    begun = str(settings.get("init_lora_weights")).lower()
    if begun.startswith(_CHANGE_THE_BASE):
        raise BadInput(
            f"This adapter was begun with {begun}, which changes the base's own weights when it is loaded.",
            where=str(folder),
            hint="Convert it to a plain LoRA with PEFT (path_initial_model_for_weight_conversion).",
        )
    made_for = settings.get("base_model_name_or_path")
    if isinstance(made_for, str) and _another(made_for, base):
        raise BadInput(
            f"The adapter was made for {made_for}; the task's model is {base}.",
            where=str(folder),
            hint=f"Put that model into task.yaml. If it is the same one, write its name into {SETTINGS}.",
        )


def template_of(folder: Path) -> Path | None:
    """The chat template saved beside an adapter."""
    path = folder / _TEMPLATE
    return path if path.is_file() else None


def must_fit(model: Any, folder: Path, base: str) -> None:  # noqa: ANN401  a transformers model
    """Compare the shapes of an adapter's weights with the loaded base.

    Raises:
        BadInput: layers that the base does not have, or has in other sizes; the first three are named.
    """
    from safetensors import SafetensorError, safe_open

    modules = dict(model.named_modules())
    wrong: list[str] = []
    try:
        with safe_open(str(folder / WEIGHTS), framework="numpy") as weights:
            for key in sorted(weights.keys()):
                name, mark, _ = key.removeprefix(_PREFIX).partition(".lora_")
                side = key.rpartition(".lora_")[2][:2] if mark else ""
                if side not in ("A.", "B."):
                    continue
                place, seen = (1, "in_features") if side == "A." else (0, "out_features")
                wanted = weights.get_slice(key).get_shape()[place]
                if name not in modules:
                    wrong.append(f"there is no {name}")
                elif getattr(modules[name], seen, wanted) != wanted:
                    wrong.append(f"{name} has {getattr(modules[name], seen)} {seen}, the adapter {wanted}")
    except (SafetensorError, OSError, IndexError) as error:
        raise BadInput(f"The adapter's weights cannot be read: {error}", where=str(folder)) from error
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise BadInput(
            f"The adapter does not fit {base}: {'; '.join(wrong[:_SHOWN])}{more}.",
            where=str(folder),
            hint="It was made for another model: put that one into task.yaml.",
        )


def _another(made_for: str, base: str) -> bool:
    """Whether both are names that can be compared, and differ; where a folder is named, the shapes decide."""
    if made_for.count("/") != 1 or made_for.startswith((".", "/", "~")) or base.startswith((".", "/", "~")):
        return False
    return made_for.rpartition("/")[2].lower() != base.rpartition("/")[2].lower()
