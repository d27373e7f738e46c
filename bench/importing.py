"""Import with quarantine, ids and the decision log, against DuckDB's typed read of the same file into a table."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import duckdb

from bench.dedup import REPEATS, chats, seconds
from curation import importing, project, store

HOLD = 8.0
STAGE_HOLD = 2.0
ROWS = 100_000


def whole_import(path: Path, folder: Path, number: int) -> None:
    with store.create(project.reserve(folder / f"p{number}")) as opened:
        importing.import_file(opened, path, who="bench")


def typed_read(path: Path, folder: Path, number: int) -> None:
    with duckdb.connect(str(folder / f"t{number}.duckdb")) as connection:
        connection.execute(
            "create table chat as select * from read_json(?, format = 'newline_delimited', "
            "columns = {'messages': 'struct(role varchar, content varchar)[]'})",
            [str(path)],
        )


def main() -> int:
    """Measure; 1 when the ratio is above what it has to hold."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "chats.jsonl"
        path.write_text("\n".join(chats(ROWS, (40, 120))), "utf-8")
        ours, reference = [], []
        for number in range(REPEATS):
            reference.append(seconds(lambda n=number: typed_read(path, folder, n)))
            ours.append(seconds(lambda n=number: whole_import(path, folder, n)))
        ratio = median(ours) / median(reference)
        line = {
            "ratio": f"import into a project / typed read into a table, {ROWS:,} chats",
            "measured": round(ratio, 2),
            "hold": HOLD,
            "seconds": round(median(ours), 3),
            "reference_seconds": round(median(reference), 3),
            "megabytes": round(path.stat().st_size / 1e6, 1),
        }
    sys.stdout.write(json.dumps(line) + "\n")
    return int(ratio > HOLD)


if __name__ == "__main__":
    sys.exit(main())
