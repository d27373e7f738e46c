"""The fields of a recipe: each with its label, help, range, group and the reason of its default.

The form, the `--set` flags and the reference are generated from these; a new field is one entry here. Fields
that TRL, PEFT or transformers know keep their names.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from curation.files import canonical_json, sha256

NEVER_TARGETS = ("lm_head", "embed_tokens")


Only = dict[str, tuple[str, ...]]
ADAPTER: Only = {"tuning": ("lora",)}
PAIRS: Only = {"method": ("dpo",)}

# (method, tuning) -> the learning rate to begin with, and the range in which it is known to work
RATES: dict[tuple[str, str], tuple[float, float, float]] = {
    ("sft", "lora"): (2e-4, 1e-5, 2e-3),
    ("sft", "full"): (2e-5, 1e-6, 2e-4),
    ("dpo", "lora"): (5e-6, 5e-7, 1e-4),
    ("dpo", "full"): (5e-7, 5e-8, 1e-5),
}
ADDED = (
    "tuning",
    "use_dora",
    "use_rslora",
    "quantization",
    "beta",
    "loss_type",
    "sample_rows",
    "keep",
    "patience",
)
"""Fields that came after the first release: at their defaults they change nothing, so no hash either."""


def _field(  # noqa: ANN202  what pydantic's Field gives
    default: Any,  # noqa: ANN401
    label: str,
    group: str,
    help: str,  # noqa: A002
    why: str,
    only: Only | None = None,
    **rules: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    extra: dict[str, Any] = {"group": group, "why": why, "only": only or {}}
    return Field(default, title=label, description=help, json_schema_extra=extra, **rules)


class Recipe(BaseModel):
    """Everything that decides a run, apart from the frozen version and the task."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    method: Literal["sft", "dpo"] = _field(
        "sft",
        "Method",
        "Method",
        "How the model learns: `sft` imitates the assistant turns; `dpo` learns from pairs of a chosen and a "
        "rejected answer.",
        "Imitation is the first thing to try when there are examples of good answers.",
    )
    tuning: Literal["lora", "full"] = _field(
        "lora",
        "Trained weights",
        "Method",
        "`lora` trains a small adapter beside the frozen model; `full` trains every weight of the model.",
        "An adapter learns nearly as much with a fraction of the memory, and keeps the base model as it is.",
    )
    quantization: Literal["none", "nf4"] = _field(
        "none",
        "Base weights",
        "Method",
        "`nf4` keeps the frozen weights in 4 bits (QLoRA). The run is evaluated and to be served on them.",
        "Off: 4 bits cost speed and a little quality. Turn it on when the model does not fit otherwise.",
        only=ADAPTER,
    )
    beta: float = _field(
        0.1,
        "Beta",
        "Preference",
        "How strongly the model is held to the answers it gives now. Higher: it moves less.",
        "0.1 is the value of the DPO paper.",
        only=PAIRS,
        gt=0,
        le=10,
    )
    loss_type: Literal["sigmoid", "ipo"] = _field(
        "sigmoid",
        "Preference loss",
        "Preference",
        "`sigmoid` is DPO; `ipo` stops pushing at a fixed margin. Their curves cannot be compared.",
        "DPO is the usual one; IPO is worth a try when the pairs are few and the margin runs away.",
        only=PAIRS,
    )
    r: int = _field(
        16,
        "Rank (r)",
        "Adapter",
        "Size of the low-rank matrices. Raise it to 64 or more for large sets.",
        "Enough for some thousands of short answers; the rank costs almost no time.",
        only=ADAPTER,
        ge=1,
        le=512,
    )
    lora_alpha: int = _field(
        32,
        "Alpha",
        "Adapter",
        "Scale of the adapter; its effect is alpha / r.",
        "Twice the rank, so the scale is 2; with alpha fixed the best learning rate hardly depends on r.",
        only=ADAPTER,
        ge=1,
        le=2048,
    )
    lora_dropout: float = _field(
        0.05,
        "Dropout",
        "Adapter",
        "Share of adapter inputs zeroed in training. 0 saves about a third of the activation memory.",
        "A mild guard against learning a small set by heart.",
        only={**ADAPTER, "method": ("sft",)},
        ge=0,
        le=0.9,
    )
    target_modules: tuple[str, ...] | Literal["all-linear"] = _field(
        ("q_proj", "k_proj", "v_proj", "o_proj"),
        "Layers",
        "Adapter",
        "Linear layers that get an adapter: names separated by commas, or `all-linear`.",
        "The attention layers are the cheapest start; `all-linear` often learns more, about 12 % slower.",
        only=ADAPTER,
    )
    use_dora: bool = _field(
        False,
        "DoRA",
        "Adapter",
        "Learn the length of each weight's columns apart from their direction: a little more capacity.",
        "Off: more work in every step, and some servers cannot load such an adapter unmerged.",
        only=ADAPTER,
    )
    use_rslora: bool = _field(
        False,
        "rsLoRA",
        "Adapter",
        "Scale the adapter by alpha / sqrt(r) in place of alpha / r.",
        "Off: it helps ranks of 64 and more; at r 16 it makes the scale 8 in place of 2, so lower alpha with it.",
        only=ADAPTER,
    )
    learning_rate: float = _field(
        2e-4,
        "Learning rate",
        "Optimisation",
        "Highest step size. Small models and runs under 100 steps can take up to 1e-3.",
        "LoRA needs ten times the 2e-5 of full fine-tuning. DPO begins at 5e-6 (5e-7 full): pairs push answers "
        "apart without a target, and larger steps break the language first.",
        ge=1e-7,
        le=0.1,
    )
    num_train_epochs: float = _field(
        3,
        "Epochs",
        "Optimisation",
        "How often each training row is seen.",
        "Two or three passes are usual; watch the validation loss for the point where more only memorises.",
        gt=0,
        le=1000,
    )
    max_steps: int | None = _field(
        None,
        "Step limit",
        "Optimisation",
        "Stop after this many optimizer steps, whatever the epochs say. Empty: no limit.",
        "Off: epochs say how long to train. A small limit is a quick trial.",
        ge=1,
    )
    per_device_train_batch_size: int = _field(
        4,
        "Micro-batch",
        "Optimisation",
        "Rows computed at once. Lower it when memory is short and raise the accumulation by the same factor.",
        "With accumulation 4 a step sees 16 rows; LoRA loses ground above 32.",
        ge=1,
        le=1024,
    )
    gradient_accumulation_steps: int = _field(
        4,
        "Accumulation",
        "Optimisation",
        "Micro-batches summed into one step. Any split of the same product gives the same gradient.",
        "4 x 4 = 16 rows a step.",
        ge=1,
        le=1024,
    )
    lr_scheduler_type: Literal["cosine", "linear", "constant", "constant_with_warmup"] = _field(
        "cosine",
        "Schedule",
        "Optimisation",
        "How the learning rate falls over the run.",
        "Cosine ends near zero and so settles; linear does about as well.",
    )
    warmup_steps: float = _field(
        0.03,
        "Warm-up",
        "Optimisation",
        "Below 1: share of the steps over which the learning rate rises from zero. From 1 on: steps.",
        "A short rise keeps the first noisy gradients small.",
        ge=0,
        le=100_000,
    )
    weight_decay: float = _field(
        0.0,
        "Weight decay",
        "Optimisation",
        "Pull of the trained weights towards zero.",
        "The low rank limits an adapter already, and a few epochs at a low rate a whole model.",
        ge=0,
        le=1,
    )
    max_grad_norm: float = _field(
        1.0,
        "Gradient clip",
        "Optimisation",
        "Longest gradient a step may follow; longer ones are scaled down.",
        "Stops one odd batch from spoiling the run.",
        gt=0,
        le=1000,
    )
    optim: Literal["adamw_torch_fused", "adamw_torch"] = _field(
        "adamw_torch_fused",
        "Optimizer",
        "Optimisation",
        "AdamW; the fused form computes the same faster.",
        "Fused runs on CPU and GPU.",
    )
    gradient_checkpointing: bool = _field(
        False,
        "Gradient checkpointing",
        "Optimisation",
        "Recompute activations instead of keeping them: about 20 % slower, a fraction of the memory.",
        "Off: speed matters more until the memory estimate says otherwise.",
    )
    seed: int = _field(
        42,
        "Seed",
        "Optimisation",
        "Decides the adapter's start, the order of rows, the dropout, and which rows `max_rows` picks.",
        "Any number will do; with the same one a run repeats exactly on the same machine.",
        ge=0,
        le=2**31 - 1,
    )
    max_rows: int | None = _field(
        None,
        "Rows",
        "Data",
        "Train on this many rows, chosen evenly over labels. The others are listed. Empty: all rows.",
        "All rows of the version. A limit is for quick trials and learning curves.",
        ge=1,
    )
    max_tokens: int | None = _field(
        None,
        "Longest row",
        "Data",
        "Rows with more tokens are left out and listed. Nothing is ever cut. Empty: the model's context.",
        "A cut answer teaches the model not to stop, so rows are left out whole or not at all.",
        ge=8,
    )
    max_eval_rows: int = _field(
        50,
        "Validation rows",
        "Validation and checkpoints",
        "Most validation rows used for the loss curve; 0 turns the curve off.",
        "Enough to see the curve turn, few enough not to cost more than the training itself.",
        ge=0,
    )
    sample_rows: int = _field(
        2,
        "Answers shown",
        "Validation and checkpoints",
        "Validation rows whose answers are written out with each validation loss; 0 for none. "
        "None are with gradient checkpointing.",
        "Two answers show at a glance what the loss cannot: the form, the end, the language.",
        ge=0,
        le=20,
    )
    eval_steps: float = _field(
        0.1,
        "Validation every",
        "Validation and checkpoints",
        "Below 1: share of the run between two validation losses. From 1 on: a number of steps.",
        "Ten points show where the validation loss turns.",
        gt=0,
    )
    keep: Literal["last", "best"] = _field(
        "last",
        "Weights kept",
        "Validation and checkpoints",
        "The weights after the last step, or those with the lowest validation loss.",
        "The last step of a falling learning rate is usually the best; with many epochs keep the best.",
    )
    patience: int | None = _field(
        None,
        "Patience",
        "Validation and checkpoints",
        "Stop after so many validation losses without a better one. Empty: train to the end.",
        "Off: a schedule that is cut short never reaches its small steps.",
        ge=1,
        le=1000,
    )
    save_steps: float = _field(
        0.1,
        "Checkpoint every",
        "Validation and checkpoints",
        "Below 1: share of the run between two checkpoints. From 1 on: a number of steps.",
        "At most a tenth of the run is lost when the machine goes down.",
        gt=0,
    )
    save_total_limit: int = _field(
        2,
        "Checkpoints kept",
        "Validation and checkpoints",
        "Older checkpoints are removed.",
        "The newest, and one before it in case the newest was cut off while it was written.",
        ge=1,
        le=1000,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = _field(
        "auto",
        "Device",
        "Machine",
        "Where to compute.",
        "The fastest device found; the run records which one and why.",
    )

    @model_validator(mode="before")
    @classmethod
    def _rate_of_the_method(cls, values: Any) -> Any:  # noqa: ANN401
        if isinstance(values, dict) and "learning_rate" not in values:
            known = (str(values.get("method", "sft")), str(values.get("tuning", "lora")))
            if known in RATES:
                return {**values, "learning_rate": RATES[known][0]}
        return values

    @field_validator("quantization")
    @classmethod
    def _can_be_trained(cls, value: str, info: Any) -> str:  # noqa: ANN401
        if value != "none" and info.data.get("tuning") == "full":
            raise ValueError("4-bit weights cannot be trained; choose tuning lora, or quantization none")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, value: Any, info: Any) -> Any:  # noqa: ANN401
        if isinstance(value, bool) and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError(f"expected a number or text, got {str(value).lower()}")
        return value

    @field_validator("target_modules", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:  # noqa: ANN401
        names = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if names == ["all-linear"]:
            return "all-linear"
        if (
            not isinstance(names, list | tuple)
            or not names
            or not all(isinstance(n, str) and n for n in names)
        ):
            raise ValueError(f"expected names of layers or all-linear, got {value!r}")
        refused = [name for name in names if name in NEVER_TARGETS]
        if refused:
            raise ValueError(f"{refused[0]} cannot carry an adapter here; leave it out")
        return tuple(dict.fromkeys(names))

    @property
    def hash(self) -> str:
        """SHA-256 over all values, defaults included: two runs with the same hash had the same recipe."""
        values = self.model_dump(mode="json")
        same = {name for name in ADDED if values[name] == type(self).model_fields[name].default}
        return sha256(canonical_json({name: value for name, value in values.items() if name not in same}))

    @property
    def rows_per_step(self) -> int:
        """Rows that one optimizer step sees."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps


def every(setting: float, steps: int) -> int:
    """Steps between two events, from a share of the run (below 1) or a number of steps."""
    return max(1, round(setting * steps) if setting < 1 else int(setting))


def warmup(recipe: Recipe, steps: int) -> int:
    """Warm-up in steps; a share is rounded up, as transformers does."""
    share = recipe.warmup_steps * steps
    return int(-(-share // 1)) if recipe.warmup_steps < 1 else int(recipe.warmup_steps)
