"""What this machine can do: device and precision with the reason, memory, disk, packages, models."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from curation import model_hub, models
from curation.errors import TouchstoneError
from curation.files import cache_folder

PACKAGES = (
    "streamlit",
    "duckdb",
    "datasets",
    "transformers",
    "peft",
    "trl",
    "torch",
    "accelerate",
    "jsonschema",
    "scikit-learn",
    "sentence-transformers",
    "bitsandbytes",
    "gguf",
)
Line = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Machine:
    """Lines of (name, value, remark) by section."""

    machine: tuple[Line, ...]
    device: tuple[Line, ...]
    packages: tuple[Line, ...]
    models: tuple[Line, ...]

    def sections(self) -> tuple[tuple[str, list[tuple[object, ...]]], ...]:
        """Title and lines of each section."""
        return (
            ("This machine", list(self.machine)),
            ("Device for training and answering", list(self.device)),
            ("Packages", list(self.packages)),
            ("Models", list(self.models)),
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return {
            title: {name: {"value": value, "remark": remark} for name, value, remark in lines}
            for title, lines in (
                ("machine", self.machine),
                ("device", self.device),
                ("packages", self.packages),
                ("models", self.models),
            )
        }


def examine() -> Machine:
    """Look; takes some seconds, as it loads torch. The network is asked for at most two seconds."""
    return Machine(_machine(), _device(), _packages(), _models())


def _machine() -> tuple[Line, ...]:
    import psutil

    memory, disk = psutil.virtual_memory(), shutil.disk_usage(cache_folder())
    return (
        ("Python", platform.python_version(), platform.platform()),
        ("cores", str(os.cpu_count() or 1), ""),
        ("memory", f"{_gib(memory.available)} free", f"of {_gib(memory.total)}"),
        ("disk", f"{_gib(disk.free)} free", f"at {cache_folder()}"),
    )


def _device() -> tuple[Line, ...]:
    try:
        found = models.device()
    except (TouchstoneError, ImportError) as error:
        return (("device", "none", str(error)),)
    return (("device", found.kind, found.reason), ("precision", found.dtype, ""))


def _packages() -> tuple[Line, ...]:
    lines = []
    for name in PACKAGES:
        try:
            lines.append((name, metadata.version(name), ""))
        except metadata.PackageNotFoundError:
            lines.append(
                (name, "missing", "only QLoRA needs it" if name == "bitsandbytes" else "pip install " + name)
            )
    return tuple(lines)


def _models() -> tuple[Line, ...]:
    reachable, seen = model_hub.reachable()
    found = tuple((one.name, one.origin, one.note or one.path) for one in models.found())
    return (*found, ("model hub", "reachable" if reachable else "not reachable", seen))


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
