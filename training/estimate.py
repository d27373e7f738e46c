"""Memory and time of a run before it starts, from the model's files alone: no weights are loaded.

Every figure is an estimate until a step has been measured; a run that has finished on this machine with the
same model and device replaces the guess of the speed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from curation.errors import BadInput, BadRecipe
from training.batches import StepSize
from training.fields import Recipe, every

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
MLP = ("gate_proj", "up_proj", "down_proj", "fc1", "fc2", "c_fc")

# Saved activations in units of batch x tokens x layers x hidden x bytes, counted on SmolLM2-135M with
# saved-tensor hooks at 128 and 256 tokens (SDPA): they grow linearly with the tokens.
#   adapters on             dropout   none
#   attention layers           20.7   13.8
#   all linear layers          30.1   20.1
#   with checkpointing          1.0 a layer, and one layer whole while it is recomputed
#   every weight               19.4 (no adapter; checkpointing as above)
# A 16-bit base needs about 1.5 of its own units, because the adapter computes in 32 bits.
ATTENTION_UNITS = {True: 20.7, False: 13.8}
ALL_UNITS = {True: 30.1, False: 20.1}
FULL_UNITS = 19.4
MIXED = 1.5
NF4_BYTES = 0.516  # a weight: 4 bits, and 0.127 bits of doubly quantised scales (QLoRA paper)
RUNTIME_BYTES = {"cpu": 900_000_000, "mps": 900_000_000, "cuda": 1_400_000_000}

# Floating-point operations a second, per core on CPU (64 to 97 tokens/s of a 135M model on one
# AVX-512 core, the more the longer the rows).
CORE_FLOPS = 35e9
DEVICE_FLOPS = {"cuda": 40e12, "mps": 3e12}


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear layer that can carry an adapter: its path, and its sizes."""

    path: str
    inputs: int
    outputs: int

    @property
    def name(self) -> str:
        """The last part of the path, as recipes name it."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the model's files say about it; tokens, layers and widths as in its config."""

    parameters: int
    hidden: int
    layers: int
    vocabulary: int
    context: int | None
    eos_ids: frozenset[int]
    linears: tuple[Linear, ...]

    def targets(self, wanted: Sequence[str] | str) -> tuple[Linear, ...]:
        """The layers an adapter goes on; names match as PEFT matches them.

        Raises:
            BadRecipe: a name fits no linear layer of the model.
        """
        if wanted == "all-linear":
            return self.linears
        found = {
            name: [one for one in self.linears if one.path == name or one.path.endswith(f".{name}")]
            for name in wanted
        }
        missing = [name for name, layers in found.items() if not layers]
        if missing and self.linears:
            known = ", ".join(dict.fromkeys(one.name for one in self.linears))
            raise BadRecipe(
                f"The model has no linear layer called {missing[0]!r}.",
                where="target_modules",
                hint=f"It has: {known}.",
            )
        return tuple(one for layers in found.values() for one in layers)

    def trainable(self, recipe: Recipe) -> int:
        """Parameters that are trained: all, or r x (inputs + outputs) for each layer with an adapter.

        DoRA adds a length for each output.
        """
        if recipe.tuning == "full":
            return self.parameters
        extra = sum(one.outputs for one in self.targets(recipe.target_modules)) if recipe.use_dora else 0
        return extra + sum(
            recipe.r * (one.inputs + one.outputs) for one in self.targets(recipe.target_modules)
        )


def read_facts(folder: Path) -> ModelFacts:
    """Read config.json, generation_config.json and the headers of the weight files.

    Raises:
        BadInput: the folder has no config.json.
    """
    config = _json(folder / "config.json")
    if not config:
        raise BadInput("The model folder has no readable config.json.", where=str(folder))
    text = config.get("text_config") or config
    generation = _json(folder / "generation_config.json")
    eos = generation.get("eos_token_id", text.get("eos_token_id"))
    shapes = dict(_weights(sorted(folder.glob("*.safetensors"))))
    linears = tuple(
        Linear(name.removesuffix(".weight"), shape[1], shape[0])
        for name, shape in sorted(shapes.items())
        if name.endswith(".weight") and len(shape) == 2 and ".layers." in f".{name}"
    )
    hidden, layers = int(text.get("hidden_size", 0)), int(text.get("num_hidden_layers", 0))
    vocabulary = int(text.get("vocab_size", 0))
    guessed = vocabulary * hidden + layers * 12 * hidden * hidden
    return ModelFacts(
        parameters=sum(map(prod, shapes.values())) or guessed,
        hidden=hidden,
        layers=layers,
        vocabulary=vocabulary,
        context=text.get("max_position_embeddings"),
        eos_ids=frozenset(eos if isinstance(eos, list) else [] if eos is None else [eos]),
        linears=linears,
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def tensor_shapes(path: Path) -> dict[str, list[int]]:
    """Names and shapes in a safetensors file, from its header alone.

    Raises:
        BadInput: the header cannot be read, or the file is shorter than its header says.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > os.fstat(file.fileno()).st_size:
                raise ValueError("the header is cut off")
            header = json.loads(file.read(size))
        tensors = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
        end = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
        if path.stat().st_size < 8 + size + end:
            raise ValueError("the file is cut off")
        return {name: tensor["shape"] for name, tensor in tensors.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"Not a complete safetensors file: {error}", where=str(path)) from error


def _weights(paths: Iterable[Path]) -> Iterable[tuple[str, list[int]]]:
    for path in paths:
        yield from tensor_shapes(path).items()


@dataclass(frozen=True, slots=True)
class Speed:
    """Padded tokens a second, and where the figure is from."""

    tokens_per_second: float
    measured: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes by what they are for, and seconds; `free` is what the device has left, None when unknown.

    `learning` is what training needs beside the frozen weights: adapter, gradients and two moments.
    """

    trainable: int
    weights: int
    learning: int
    activations: int
    head: int
    runtime: int
    free: int | None
    steps: int
    padded_tokens: int
    validation_tokens: int
    speed: Speed

    @property
    def memory(self) -> int:
        """Bytes at the peak."""
        return self.weights + self.learning + self.activations + self.head + self.runtime

    @property
    def seconds(self) -> float:
        """Time of the training steps and the validation losses; a forward pass alone is a third of a step."""
        return (self.padded_tokens + self.validation_tokens / 3) / self.speed.tokens_per_second

    @property
    def tight(self) -> bool:
        """Whether the peak takes more than nine tenths of what is free."""
        return self.free is not None and self.memory > 0.9 * self.free

    @property
    def checkpoint(self) -> int:
        """Bytes of one checkpoint: trained weights, two moments, tokenizer and states."""
        return 12 * self.trainable + 8_000_000


def estimate(
    facts: ModelFacts,
    recipe: Recipe,
    device: str,
    dtype: str,
    sizes: Sequence[StepSize],
    longest_batch: int,
    most_labels: int,
    held: int,
    speed: Speed,
    free: int | None,
) -> Estimate:
    """Memory and time of a run.

    Args:
        device: cpu, cuda or mps.
        sizes: what each step computes.
        longest_batch: padded tokens of the largest micro-batch.
        most_labels: labelled tokens of the micro-batch that has the most; only these get logits.
        held: tokens of the validation rows.
        speed: see `speed_guess`.
        free: bytes the device has left.
    """
    trainable = facts.trainable(recipe)
    whole = recipe.tuning == "full"
    size = 4 if whole else BYTES[dtype]
    units = _units(facts, recipe, size)
    kept = facts.layers + units if recipe.gradient_checkpointing else facts.layers * units
    weights, learning = _weights_and_learning(facts, recipe, size, trainable)
    return Estimate(
        trainable=trainable,
        weights=weights,
        learning=learning,
        activations=int(longest_batch * facts.hidden * size * kept),
        head=most_labels * facts.vocabulary * 12 if device != "cuda" else 0,  # logits, softmax, gradient
        runtime=RUNTIME_BYTES[device],
        free=free,
        steps=len(sizes),
        padded_tokens=sum(step.padded for step in sizes),
        validation_tokens=held * -(-len(sizes) // every(recipe.eval_steps, len(sizes))),
        speed=speed,
    )


def _units(facts: ModelFacts, recipe: Recipe, size: int) -> float:
    """Saved activations of a layer, in units of tokens x hidden x bytes."""
    if recipe.tuning == "full":
        return FULL_UNITS
    wide = any(one.name in MLP for one in facts.targets(recipe.target_modules))
    dropout = recipe.lora_dropout > 0 and recipe.method == "sft"  # TRL switches it off for pairs
    return (ALL_UNITS if wide else ATTENTION_UNITS)[dropout] * (MIXED if size == 2 else 1)


def _weights_and_learning(facts: ModelFacts, recipe: Recipe, size: int, trainable: int) -> tuple[int, int]:
    """Bytes of the frozen weights, and of what is trained: weight, gradient and two moments in 32 bits."""
    if recipe.tuning == "full":
        reference = 4 * facts.parameters if recipe.method != "sft" else 0
        return 4 * facts.parameters + reference, 12 * trainable
    weights = facts.parameters * size
    if recipe.quantization == "nf4":
        inside = sum(one.inputs * one.outputs for one in facts.linears)
        weights = int((facts.parameters - inside) * size + inside * NF4_BYTES)
    return weights, 16 * trainable


def speed_guess(facts: ModelFacts, recipe: Recipe, device: str, cores: int) -> Speed:
    """A first guess: 4 operations a parameter and token with an adapter, which alone needs gradients, else 6.

    A pair is also read by the reference (2 more); 4-bit weights are unpacked on the way (about twice the time).
    """
    flops = DEVICE_FLOPS.get(device) or CORE_FLOPS * cores
    operations = (6 if recipe.tuning == "full" else 4) + (2 if recipe.method != "sft" else 0)
    operations *= 2 if recipe.quantization == "nf4" else 1
    return Speed(flops / (operations * max(1, facts.parameters)), False, "guessed from the model's size")


def free_memory(device: str) -> int | None:
    """Bytes free on the device; on CPU the least of the machine's and the container's."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    import psutil

    free = int(psutil.virtual_memory().available)
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = int((group / "memory.max").read_text()), int((group / "memory.current").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return free
    given_back = int(stat.get("inactive_file", 0))  # cached files, on demand
    return min(free, limit - used + given_back)
