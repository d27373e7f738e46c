"""Export of a frozen version for other tools: JSON lines, Parquet, a `datasets` folder, or a trainer's own form.

Every row of the first three carries its id and split, so that answers made elsewhere can come back as `answers:FILE`.
The target appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curation.errors import BadInput, TouchstoneError, unknown
from curation.formats.writing import WRITERS, CannotCarry, refused
from curation.leakage import SPLITS
from curation.versions import COLUMNS

FORMATS = ("jsonl", "parquet", "hf", *WRITERS)
JSON_COLUMNS = ("messages", "tools", "chosen", "rejected", "metadata")
_BATCH = 10_000


def export(version: Path, to: Path, form: str = "jsonl") -> dict[str, int]:
    """Write a version's three splits into a new or empty folder.

    Args:
        version: folder of the frozen version.
        to: the folder to make.
        form: `jsonl` (real JSON values), `parquet` (the frozen files), or `hf` (a `save_to_disk` folder;
            columns that hold JSON of differing shape are JSON text there unless `datasets` has a JSON type), or
            a form of `WRITERS`: JSON lines with the keys of that form and no others.

    Returns:
        Rows by split.

    Raises:
        BadUsage: no such format.
        BadInput: some examples do not fit into the form; none is left out silently.
        TouchstoneError: the folder is not empty.
    """
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise TouchstoneError(
            "The folder is not empty.", where=str(to), hint="Name a new one; nothing was written."
        )
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        counts = (
            _write_form(version, unfinished, form) if form in WRITERS else _WRITERS[form](version, unfinished)
        )
        if to.exists():
            to.rmdir()
        os.rename(unfinished, to)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return counts


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a frozen file with real JSON values; columns without a value are left out."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH):
            for row in batch.to_pylist():
                yield {
                    name: json.loads(value) if name in JSON_COLUMNS else value
                    for name, value in row.items()
                    if value is not None
                }


def _write_jsonl(version: Path, to: Path) -> dict[str, int]:
    counts = {}
    for split in SPLITS:
        n = 0
        with (to / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            for row in rows(version / f"{split}.parquet"):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                n += 1
        counts[split] = n
    return counts


def _write_form(version: Path, to: Path, form: str) -> dict[str, int]:
    """JSON lines of a trainer's form; the examples it cannot carry are named, and nothing is written."""
    counts, odd = {}, dict[str, list[str]]()
    for split in SPLITS:
        n = 0
        with (to / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            for row in rows(version / f"{split}.parquet"):
                try:
                    written = WRITERS[form](row)
                except CannotCarry as problem:
                    odd.setdefault(str(problem), []).append(row["id"])
                    continue
                file.write(json.dumps(written, ensure_ascii=False) + "\n")
                n += 1
        counts[split] = n
    if odd:
        reason, names = max(odd.items(), key=lambda one: len(one[1]))
        raise BadInput(
            refused(names, form, reason),
            where=version.name,
            hint="Nothing was written. `jsonl` carries everything; or drop these examples and freeze again.",
        )
    return counts


def _write_parquet(version: Path, to: Path) -> dict[str, int]:
    import pyarrow.parquet as pq

    for split in SPLITS:
        shutil.copyfile(version / f"{split}.parquet", to / f"{split}.parquet")
    return {split: pq.ParquetFile(to / f"{split}.parquet").metadata.num_rows for split in SPLITS}


def _write_hf(version: Path, to: Path) -> dict[str, int]:
    from datasets import Dataset, DatasetDict, Features, Value
    from datasets.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled

    try:
        from datasets import Json

        structured: Any = Json()
    except ImportError:  # datasets before 4.7: a column of differing shapes can only be text
        structured = Value("string")
    loaded = {}
    for split in SPLITS:
        table = list(rows(version / f"{split}.parquet"))
        text = structured == Value("string")
        columns = {
            name: [
                json.dumps(row[name], ensure_ascii=False)
                if text and name in JSON_COLUMNS and name in row
                else row.get(name)
                for row in table
            ]
            for name in COLUMNS
        }
        features = Features(
            {name: structured if name in JSON_COLUMNS else Value("string") for name in COLUMNS}
        )
        loaded[split] = Dataset.from_dict(columns, features=features)
    shown = is_progress_bar_enabled()
    disable_progress_bar()
    try:
        DatasetDict(loaded).save_to_disk(str(to))
    finally:
        if shown:
            enable_progress_bar()
    return {split: len(one) for split, one in loaded.items()}


_WRITERS = {"jsonl": _write_jsonl, "parquet": _write_parquet, "hf": _write_hf}
