"""From a model's name to its files, its fingerprint, its device and the loaded thing.

Nothing is loaded that could run foreign code: safetensors only, no code from a model's repository.
A token for the hub comes from the environment or the hub's own login and is never stored here.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from curation import model_hub, packaged
from curation.errors import BadInput, BadUsage, MissingModel
from curation.files import cache_folder, canonical_json, sha256, sha256_file, shipped, write_json
from curation.model_hub import first_line
from curation.progress import SILENT, Progress
from curation.task import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

WEIGHTS = "*.safetensors"
WANTED = [WEIGHTS, "*.json", "*.jinja", "*.model", "*.txt"]  # what is fetched from the hub, and fingerprinted
BASE_OF_AN_ADAPTER = (
    "base_model_name_or_path",
    "revision",
)  # say where the base lay, not what the adapter is
Origin = Literal["packaged", "folder", "hub"]


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """A model on this machine.

    Attributes:
        revision: the commit for a hub model, the file's digest for a packaged one, None for a folder.
    """

    name: str
    path: Path
    revision: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Device:
    """Where and in what precision models run, and why."""

    kind: Literal["cpu", "cuda", "mps"]
    dtype: Literal["float32", "bfloat16", "float16"]
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """A model that `resolve` would find now, for `workbench doctor`."""

    name: str
    origin: Origin
    path: str
    note: str


def resolve(name: str, revision: str | None = None, progress: Progress = SILENT) -> ModelPlace:
    """The place of a model: a packaged name, a folder, or a hub name (its cache first, then the network).

    Raises:
        MissingModel: it is not here and cannot be fetched; the hint says what to do.
    """
    if name.lower() in packaged.PACKAGED:
        path, own = packaged.ready(name.lower(), progress)
        if revision not in (None, own):
            raise MissingModel(
                f"The packaged model {name} is revision {own}, not {revision}.", where="task.yaml"
            )
        return ModelPlace(name.lower(), path, own, "packaged")
    folder = Path(name).expanduser()
    if folder.is_dir():
        missing = _what_is_missing(folder)
        if missing:
            raise MissingModel(f"The folder is not a usable model: {missing}.", where=str(folder))
        return ModelPlace(name, folder.resolve(), None, "folder")
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
        known = ", ".join(packaged.PACKAGED)
        raise MissingModel(
            f"There is no model {name!r}: no such folder, and not a hub name (owner/model).",
            hint=f"Give the path of a model folder, a hub name, or a packaged model: {known}.",
        )
    return _from_hub(name, revision)


def device(wanted: str = "auto", dtype: str = "auto") -> Device:
    """Choose the device and the precision, with the reason.

    float32 on CPU because half-precision answers depend on how rows are batched and are seldom faster there;
    bfloat16 on a CUDA device that computes it natively, else float16.

    Raises:
        BadUsage: a device or precision this machine does not have.
    """
    import torch

    mps = bool(getattr(torch.backends, "mps", None)) and torch.backends.mps.is_available()
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": mps}
    kind = next(name for name in ("cuda", "mps", "cpu") if present[name]) if wanted == "auto" else wanted
    if not present.get(kind):
        have = ", ".join(name for name, here in present.items() if here)
        raise BadUsage(f"There is no device {kind!r} on this machine.", hint=f"It has: {have}.")
    if kind == "cuda":
        native = _native_bfloat16()
        best = "bfloat16" if native else "float16"
        reason = f"{torch.cuda.get_device_name(0)} " + (
            "computes bfloat16 natively" if native else "has no native bfloat16, so float16"
        )
    else:
        best, native = "float32", True
        reason = (
            "no GPU was found" if kind == "cpu" and wanted == "auto" else f"{kind} was asked for or found"
        )
        reason += "; float32, because half-precision answers depend on how rows are batched"
    if dtype == "auto":
        return Device(kind, best, reason)  # type: ignore[arg-type]
    if dtype not in ("float32", "bfloat16", "float16"):
        raise BadUsage(f"There is no precision {dtype!r}.", hint="Known: auto, float32, bfloat16, float16.")
    if dtype == "bfloat16" and not native:
        raise BadUsage("This GPU does not compute bfloat16.", hint="Use dtype: float16 or auto.")
    return Device(kind, dtype, f"{dtype} was asked for; " + reason.split(";")[0])  # type: ignore[arg-type]


def load_tokenizer(model: str | ModelSpec | ModelPlace, template: str | Path | None = None) -> Any:  # noqa: ANN401
    """The tokenizer; `template` (or the spec's), a Jinja file or a shipped name, replaces its chat template.

    Raises:
        MissingModel: the model is not here, or its tokenizer cannot be read.
        BadInput: the template file cannot be read.
    """
    from transformers import AutoTokenizer

    quiet()
    place = _place(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(place.path), local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise MissingModel(
            f"The tokenizer cannot be read: {first_line(error)}", where=str(place.path)
        ) from error
    own = template or (model.template if isinstance(model, ModelSpec) else None)
    if own:
        try:
            tokenizer.chat_template = template_file(own).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"The chat template cannot be read: {error}", where=str(own)) from error
    return tokenizer


def template_file(name: str | Path) -> Path:
    """The file of a chat template: the path given, or the one that travels with Touchstone under that name."""
    given = Path(name).expanduser()
    own = shipped("templates", f"{given.name}.jinja")
    return own if str(given) == given.name and own.is_file() and not given.is_file() else given


def load_model(  # noqa: ANN201  a transformers model
    model: str | ModelSpec | ModelPlace, on: Device, quantization: Literal["none", "nf4"] = "none"
) -> Any:  # noqa: ANN401
    """The causal language model in evaluation mode on the device, its linear layers in 4 bits where asked.

    Raises:
        MissingModel: the model is not here, this transformers cannot read it, or bitsandbytes is missing.
        BadUsage: 4 bits on a device that has no code for them.
    """
    import torch
    from transformers import AutoModelForCausalLM

    quiet()
    place = _place(model)
    dtype = getattr(torch, on.dtype)
    options = {} if quantization == "none" else _four_bits(on, dtype)
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            str(place.path),
            use_safetensors=True,
            local_files_only=True,
            **dtype_option(dtype),
            **options,
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise MissingModel(
            f"The model cannot be loaded: {first_line(error)}",
            where=str(place.path),
            hint="Touchstone loads safetensors of architectures that transformers itself knows; "
            "code from a model's repository is never run.",
        ) from error
    if not options:
        return loaded.to(on.kind).eval()
    for layer in loaded.modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            # it would rewrite the weights in another layout and precision at the first answer, so that a run
            # went on differently after a validation loss than after a resume
            layer.support_avx512bf16_for_cpu = False
    return loaded.eval()


def _four_bits(on: Device, dtype: object) -> dict[str, Any]:
    """NF4 with double quantisation, as in the QLoRA paper; computed in the device's own precision."""
    import importlib.util

    if on.kind == "mps":
        raise BadUsage("There is no 4-bit code for mps.", hint="Use quantization: none, or device: cpu.")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingModel("4-bit weights need bitsandbytes.", hint="pip install bitsandbytes")
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"quantization_config": config, "device_map": {"": on.kind}}


def fingerprint(place: ModelPlace | Path) -> str:
    """SHA-256 over a model's or adapter's weights, tokenizer, template and settings, by content.

    Digests of single files are kept in the cache folder and used again while size and time stay the same.
    """
    folder = place.path if isinstance(place, ModelPlace) else place
    memory = cache_folder() / "fingerprints" / f"{sha256(str(folder.resolve()))[:16]}.json"
    try:
        known: dict[str, list[Any]] = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    now: dict[str, list[Any]] = {}
    for path in _files(folder):
        status, key = path.stat(), path.relative_to(folder).as_posix()
        before = known.get(key)
        same = before is not None and before[:2] == [status.st_size, status.st_mtime_ns]
        now[key] = before if same and before else [status.st_size, status.st_mtime_ns, _digest(path)]
    if not now:
        raise MissingModel("There are no model files in this folder.", where=str(folder))
    if now != known:
        write_json(memory, now)
    return sha256(canonical_json({key: entry[2] for key, entry in now.items()}))


def found() -> list[Found]:
    """The packaged models installed and the models in the hub's cache; the network is not touched."""
    out = []
    for name, entry in packaged.PACKAGED.items():
        if packaged.source(name) is None:
            continue
        path, _ = packaged.place(name)
        note = "ready" if path.is_dir() else "converted at first use (about half a minute)"
        out.append(Found(name, "packaged", str(path), note if entry.gguf else "ready"))
    from huggingface_hub.constants import HF_HUB_CACHE

    for folder in sorted(Path(HF_HUB_CACHE).glob("models--*--*")):
        owner, _, model = folder.name.removeprefix("models--").partition("--")
        for snapshot in sorted(folder.glob("snapshots/*")):
            missing = _what_is_missing(snapshot)
            out.append(
                Found(f"{owner}/{model}", "hub", str(snapshot), missing or f"ready, {snapshot.name[:8]}")
            )
    return out


def context(model: ModelSpec) -> int | None:
    """Most tokens the model reads, from its files on this machine; None where they are not here or do not say."""
    ready = {one.name: one.path for one in found() if one.note.startswith("ready")}
    folder = Path(model.name).expanduser()
    try:
        path = folder if folder.is_dir() else Path(ready[model.name])
        config = json.loads((path / "config.json").read_text("utf-8"))
        most = (config.get("text_config") or config).get("max_position_embeddings")
    except (KeyError, OSError, ValueError, AttributeError):
        return None
    return most if isinstance(most, int) else None


def dtype_option(dtype: object) -> dict[str, object]:
    """The dtype as `from_pretrained` wants it: `dtype` since transformers 4.56, `torch_dtype` before."""
    import transformers

    major, minor = (int(part) for part in transformers.__version__.split(".")[:2])
    return {"dtype" if (major, minor) >= (4, 56) else "torch_dtype": dtype}


def quiet() -> None:
    """No progress bars of transformers and the hub: stderr is for Touchstone's own progress."""
    from huggingface_hub.utils import disable_progress_bars
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bars()
    disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns of the slow 4-bit path on CPU


def _place(model: str | ModelSpec | ModelPlace) -> ModelPlace:
    if isinstance(model, ModelPlace):
        return model
    return resolve(model.name, model.revision) if isinstance(model, ModelSpec) else resolve(model)


def _from_hub(name: str, revision: str | None) -> ModelPlace:
    from huggingface_hub import errors, snapshot_download

    missing = "not in the cache"
    try:  # the cache first: a model that is here needs no network, and its commit stays the same
        folder = Path(
            snapshot_download(name, revision=revision, allow_patterns=WANTED, local_files_only=True)
        )
        missing = _what_is_missing(folder)
        if not missing:
            return ModelPlace(name, folder, folder.name, "hub")
    except (errors.LocalEntryNotFoundError, errors.HFValidationError):
        pass
    answers, why = model_hub.reachable()
    if not answers:
        raise MissingModel(
            f"The model {name} is not on this machine ({missing}) and the hub cannot be reached: {why}.",
            hint="Copy the model here and give its folder in task.yaml (model.name), "
            f"or use a packaged model: {', '.join(packaged.PACKAGED)}.",
        )
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=WANTED))
    except Exception as error:  # the hub's own errors and those of whatever HTTP library it uses
        raise model_hub.problem(name, revision, error) from error
    missing = _what_is_missing(folder)
    if missing:
        raise MissingModel(f"The model {name} on the hub is not usable: {missing}.", where=str(folder))
    return ModelPlace(name, folder, folder.name, "hub")


def _what_is_missing(folder: Path) -> str:
    """What keeps a folder from being a usable model; "" when nothing does."""
    if not (folder / "config.json").is_file():
        adapter = (folder / "adapter_config.json").is_file()
        return "it is an adapter; name its base model instead" if adapter else "it has no config.json"
    for index in folder.glob(f"{WEIGHTS}.index.json"):
        try:
            shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError):
            return f"{index.name} cannot be read"
        absent = sorted(shard for shard in shards if not (folder / shard).is_file())
        if absent:
            return f"{len(absent)} of {len(shards)} weight files are missing, first {absent[0]}"
    return "" if any(folder.glob(WEIGHTS)) else "it has no *.safetensors weights"


def _files(folder: Path) -> Iterable[Path]:
    inside = {path for pattern in WANTED for path in [*folder.glob(pattern), *folder.glob(f"*_*/{pattern}")]}
    return sorted(path for path in inside if path.is_file() and path.name != "trainer_state.json")


def _digest(path: Path) -> str:
    if path.name != "adapter_config.json":
        return sha256_file(path)
    settings = json.loads(path.read_text("utf-8"))
    return sha256(
        canonical_json({key: value for key, value in settings.items() if key not in BASE_OF_AN_ADAPTER})
    )


def _native_bfloat16() -> bool:
    import torch

    try:  # emulation would be correct and very slow
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    except TypeError:
        return bool(torch.cuda.is_bf16_supported())
