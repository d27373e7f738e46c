"""Files on their way in: uploads kept beside the project until they are imported, paths, folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from curation import families, formats, importing, owned
from curation.errors import BadUsage, TouchstoneError
from curation.formats import hub
from curation.formats.unpack import is_dataset
from curation.importing import Preview
from curation.preview import columns_of
from curation.store import Store

_BLOCK = 1 << 20
_MOST = 50  # files of one folder
_KINDS = (".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".txt", ".parquet", ".gz", ".zip")


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a file before it is imported: a preview, or why there is none, and its columns."""

    preview: Preview | None
    error: TouchstoneError | None
    format: str
    columns: tuple[str, ...]


def keep(sent: Sequence[Any], folder: Path) -> list[Path]:
    """Write uploaded files into a folder in blocks, each once.

    Args:
        sent: Streamlit's uploaded files: `name`, `file_id` and `read`.
        folder: the project's folder for uploads.
    """
    wanted = {one.file_id: folder / one.file_id / Path(one.name).name for one in sent}
    for one in sent:
        place = wanted[one.file_id]
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            _write(one, place)
    return list(wanted.values())


def _write(sent: IO[bytes], place: Path) -> None:
    unfinished = place.with_name(f".{place.name}")
    with unfinished.open("wb") as file:
        while block := sent.read(_BLOCK):
            file.write(block)
    unfinished.replace(place)


def named(text: str) -> list[Path]:
    """The files behind what was typed: a file, those of a folder, or a name on the hub.

    Raises:
        BadUsage: there is nothing of that name, or nothing in it to read.
    """
    if not text:
        return []
    path = Path(text).expanduser()
    if not path.is_dir() or is_dataset(path):
        if not path.exists() and hub.parse(text) is None:
            raise BadUsage("There is no such file or folder.", where=text)
        return [path]
    found = sorted(one for one in path.iterdir() if one.is_file() and one.suffix.lower() in _KINDS)
    if not found or len(found) > _MOST:
        raise BadUsage(
            f"The folder holds {len(found):,} files that can be read; it must be 1 to {_MOST}.",
            where=text,
            hint=f"Files end in {', '.join(_KINDS)}.",
        )
    return found


def look(path: Path, form: str, mapping: dict[str, str]) -> Look:
    """Read the first rows as an import would; without a trace."""
    try:
        seen = importing.preview(path, format=form, mapping=owned.without(mapping))
    except TouchstoneError as error:
        return Look(None, error, *columns_of(path, form))
    return Look(seen, None, seen.format, seen.columns)


def taken_over(store: Store, path: Path, seen: Look) -> tuple[dict[str, str], str | None]:
    """The mapping of the last file of its family, where it fits, and that file's name."""
    cursor = store.cursor()
    try:
        earlier = families.members(cursor, families.family_of(importing.called(path)))
    finally:
        cursor.close()
    return families.mapping_for(seen.format, earlier, lambda: seen.columns)


def fields(form: str) -> tuple[str, ...]:
    """The fields that a file of this format can map."""
    known = next((one.fields for one in formats.FORMATS if one.name == form), ())
    return (*known, *(field for field in owned.FIELDS if field not in known))
