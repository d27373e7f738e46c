"""Labelled rows and a version folder, written as the freeze writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.example import content_id
from curation.files import canonical_json, sha256, write_json
from curation.project import Project

WORDS = {
    "refund": ("I want my money back for order {n}.", "Please return what I paid for parcel {n}."),
    "cancel": ("Stop my subscription number {n} today.", "I no longer want plan {n}, end it."),
    "address": ("I moved house, send package {n} elsewhere.", "Change the street on delivery {n}."),
}


def labelled(split: str, text: str, label: str, n: int) -> dict[str, Any]:
    """One row of a version file."""
    messages = canonical_json([{"role": "user", "content": text}, {"role": "assistant", "content": label}])
    return {
        "id": content_id(messages, None, None, None, label), "messages": messages, "tools": None,
        "chosen": None, "rejected": None, "label": label, "group": None, "cluster": n,
        "split": split, "metadata": json.dumps({"n": n}),
    }  # fmt: skip


def rows(split: str, n: int, start: int = 0) -> list[dict[str, Any]]:
    """`n` labelled rows; the numbers in their texts keep them apart from every other split's."""
    made = []
    for i in range(start, start + n):
        label = list(WORDS)[i % 3]
        made.append(labelled(split, WORDS[label][i // 3 % 2].format(n=i), label, i))
    return sorted(made, key=lambda row: str(row["id"]))


def freeze(project: Project, splits: dict[str, list[dict[str, Any]]], name: str = "v001") -> Path:
    """Write a version folder."""
    folder = project.versions / name
    folder.mkdir(parents=True)
    schema = pa.schema([(key, pa.int64() if key == "cluster" else pa.string()) for key in splits["train"][0]])
    for split, some in splits.items():
        pq.write_table(pa.Table.from_pylist(some, schema=schema), folder / f"{split}.parquet")
    write_json(
        folder / "manifest.json",
        {
            "version": name, "fingerprint": sha256(canonical_json(splits)), "parent": None,
            "counts": {split: len(some) for split, some in splits.items()},
            "audit": {"clean": True, "pairs": 0},
        },
    )  # fmt: skip
    return folder
