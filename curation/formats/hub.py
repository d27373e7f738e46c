"""Data sets by their name on the Hugging Face hub: fetched, or read from what was fetched before.

`datasets` runs no code of a data set (since version 4 it cannot); a file of the same name on this machine wins.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from curation.errors import BadInput, BadUsage
from curation.model_hub import reachable

if TYPE_CHECKING:
    import datasets

_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:/([\w.-]+))?(?::(\w[\w.\[\]%:+-]*))?")
_FILE = re.compile(r"\.(jsonl?|ndjson|csv|tsv|txt|parquet|gz|zip)$", re.IGNORECASE)
_LOOK = 600  # seconds for which a look at the first rows need not ask the hub again
_NOT_HERE = "Couldn't find cache"  # how `datasets` begins to say that it has no copy of its own


@dataclass(frozen=True, slots=True)
class Named:
    """`ORG/NAME[/CONFIG][:SPLIT]`, taken apart."""

    repository: str
    config: str | None
    split: str | None


def parse(text: str) -> Named | None:
    """What a text names on the hub; None where it cannot be such a name."""
    found = _NAME.fullmatch(text)
    if found is None or text.startswith(".") or "/." in text or _FILE.search(text):
        return None
    return Named(*found.groups())


def load(named: Named) -> datasets.Dataset | datasets.DatasetDict:
    """The data set, all splits or the one named.

    Raises:
        BadInput: it is not on this machine and cannot be fetched, or cannot be read.
        BadUsage: it has no such split or configuration, or needs one to be named.
    """
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        with _no_long_wait():
            return _loaded(named)
    except OSError as error:
        raise _absent(named, _first_line(error)) from error
    except ValueError as error:
        if str(error).startswith(_NOT_HERE):
            raise _absent(named, "it was not fetched before") from error
        raise BadUsage(
            _first_line(error),
            where=named.repository,
            hint="A data set is named as ORG/NAME, ORG/NAME:SPLIT or ORG/NAME/CONFIG:SPLIT.",
        ) from error
    except (datasets.exceptions.DatasetsError, RuntimeError) as error:
        raise BadInput(
            f"The data set cannot be read: {_first_line(error)}",
            where=named.repository,
            hint="Download one of its data files and import that.",
        ) from error


def glance(named: Named) -> datasets.Dataset | datasets.DatasetDict:
    """As `load`, for a screen that is drawn again and again."""
    return _held(named, int(time.monotonic() // _LOOK))


@lru_cache(maxsize=2)
def _held(named: Named, period: int) -> datasets.Dataset | datasets.DatasetDict:
    return load(named)


def _absent(named: Named, why: str) -> BadInput:
    return BadInput(
        f"There is no such file here, and the data set cannot be fetched: {why.rstrip('.')}.",
        where=named.repository,
        hint="Check the name and the network. Without a network only data sets fetched before can be read.",
    )


def _loaded(named: Named) -> datasets.Dataset | datasets.DatasetDict:
    import datasets

    try:
        return datasets.load_dataset(named.repository, named.config, split=named.split)
    except (OSError, ValueError) as error:
        absent = isinstance(error, OSError) or str(error).startswith(_NOT_HERE)
        folder = _downloaded(named.repository) if absent else None
        if folder is None:
            raise
        return datasets.load_dataset(folder, named.config, split=named.split)


@contextmanager
def _no_long_wait() -> Iterator[None]:
    """Where the hub does not answer, look only on this machine: `datasets` would try again for half a minute."""
    import datasets
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    if not reachable()[0]:
        constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def _downloaded(repository: str) -> str | None:
    """Where the files of a data set lie that was downloaded whole (`hf download --repo-type dataset`)."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return str(snapshot_download(repository, repo_type="dataset", local_files_only=True))
    except (LocalEntryNotFoundError, ValueError):
        return None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
