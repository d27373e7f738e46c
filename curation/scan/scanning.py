"""The scan itself: one temporary project a file, the same checks for both, then one against the other."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from curation import importing, task
from curation.dedup.run import DedupReport
from curation.errors import BadUsage
from curation.importing import ImportReport
from curation.progress import SILENT, Progress
from curation.project import reserve
from curation.scan.across import compare
from curation.scan.part import describe, look, write
from curation.scan.report import Scan

if TYPE_CHECKING:
    from curation.store import Store

_Side = tuple["Store", ImportReport, DedupReport, str | None]
_WITHOUT_VECTORS = (
    "Suspect labels and duplicates by meaning: they need sentence vectors, which a scan does not make."
)
_WITHOUT_TEST = (
    "Leaks and the smallest gain a test can see: there is no second file and no test split in the first."
)


def scan(
    train: Path,
    test: Path | None = None,
    *,
    format: str = "auto",
    mapping: dict[str, str] | None = None,
    progress: Progress = SILENT,
) -> Scan:
    """Look at one or two files of any form that the import knows.

    A single file whose `split` is mapped is both: its train rows against its test rows; the task is guessed from
    the first file and holds for both.

    Args:
        train: the training file, or the only one.
        test: the test file.
        format: a name of `formats.FORMATS`, or `auto`; for both.
        mapping: columns by field; for both.
        progress: told in stages.

    Raises:
        BadInput: a file is missing, empty, or not one row of it can be read.
        BadUsage: the format or the mapping does not fit, or both are one file.
    """
    if test is not None and train.resolve() == test.resolve():
        raise BadUsage("This is the same file twice.", where=str(test), hint="Name one file, or two.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="touchstone-scan-")))
        stores, reports = [], []
        for name, path in (("train", train), ("test", test)):
            if path is not None:
                store, report = _brought_in(stack, folder / name, path, format, mapping, progress)
                stores.append(store)
                reports.append(report)
                if name == "train" and test is not None:
                    task.save(task.load(store.project.task_path), _task_of(folder / "test"))
        return _look(folder, stores, reports, progress)


def _task_of(folder: Path) -> Path:
    folder.mkdir()
    return folder / "task.yaml"


def _brought_in(
    stack: ExitStack,
    folder: Path,
    path: Path,
    format: str,
    mapping: dict[str, str] | None,
    progress: Progress,
) -> tuple[Store, ImportReport]:
    from curation.store import create

    store = stack.enter_context(create(reserve(folder)))
    progress.stage(f"Reading {path.name}")
    report = importing.import_file(store, path, format=format, mapping=mapping, who="scan", progress=progress)
    return store, report


def _look(folder: Path, stores: list[Store], reports: list[ImportReport], progress: Progress) -> Scan:
    chosen = task.load(stores[0].project.task_path)
    found = [look(store, chosen, progress) for store in stores]
    if len(stores) == 1:
        splits = {split for (split,) in stores[0].rows("select distinct split from occurrence")}
        if not {"train", "test"} <= splits:
            train = describe(stores[0], reports[0], chosen, None, found[0])
            return Scan(chosen.kind, train, None, None, (_WITHOUT_TEST, _WITHOUT_VECTORS))
    sides: list[_Side] = [
        (store, report, one, None) for store, report, one in zip(stores, reports, found, strict=True)
    ]
    if len(stores) == 1:
        sides = [(stores[0], reports[0], found[0], split) for split in ("train", "test")]
    train, test = (describe(store, report, chosen, split, one) for store, report, one, split in sides)
    for name, (store, _, _, split) in zip(("train", "test"), sides, strict=True):
        write(store, split, folder / f"{name}.parquet")
    write(stores[0], "validation", folder / "validation.parquet", empty=True)
    leaks = compare(folder, train, test, chosen.traits.one_answer_per_prompt, progress)
    return Scan(chosen.kind, train, test, leaks, (_WITHOUT_VECTORS,))
