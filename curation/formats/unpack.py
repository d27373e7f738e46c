"""Any file as a plain text file of lines: unpacked, in UTF-8, one record a line where it was JSON or Parquet.

The formats read what this yields; the file itself is never changed. What cannot be a record stays a line of its
own, for the formats to refuse with its text.
"""

from __future__ import annotations

import codecs
import gzip
import json
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from curation.errors import BadInput, BadUsage
from curation.formats import hub
from curation.formats.forms import form_of
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import datasets

_BLOCK = 1 << 20
_HEAD = 65_536
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


@contextmanager
def unpacked(path: Path, progress: Progress = SILENT, most: int | None = None) -> Iterator[Path]:
    """The file as lines of text: itself where it is that already, else a copy that is gone afterwards.

    Args:
        path: a file, a folder written by `datasets.save_to_disk`, or where there is neither, a name on the hub.
        progress: told in bytes.
        most: rows of a data set, for a look.

    Raises:
        BadInput: it is binary, broken, empty, or changed while it was read.
        BadUsage: there is no such file, it is another kind of folder, or a zip file holds several.
    """
    named = hub.parse(str(path)) if not path.exists() else None
    if not path.exists() and named is None:
        raise BadUsage("There is no such file.", where=str(path))
    if path.is_dir() and not is_dataset(path):
        raise BadUsage(
            "This is a folder, not a file.",
            where=str(path),
            hint="Name a file in it, or a folder written by datasets.save_to_disk.",
        )
    before = _mark(path)
    with TemporaryDirectory(prefix="touchstone-") as name:
        if named is not None:
            progress.stage(f"Fetching {path}", None)
            loaded = hub.load(named) if most is None else hub.glance(named)
            yield _write(Path(name) / "rows.jsonl", islice(_dataset_rows(loaded), most))
            return
        yield _plain(path, Path(name), progress)
        if _mark(path) != before:
            raise BadInput(
                "The file changed while it was read.",
                where=path.name,
                hint="Nothing was changed. Wait until the program that writes it is done, and import again.",
            )


def _mark(path: Path) -> tuple[int, int] | None:
    found = path.stat() if path.is_file() else None
    return (found.st_size, found.st_mtime_ns) if found else None


def _plain(path: Path, folder: Path, progress: Progress) -> Path:
    if path.is_dir():
        return _write(folder / f"{path.name}.jsonl", _dataset_rows(_from_disk(path)))
    with path.open("rb") as file:
        start = file.read(8)
    if start[:2] == b"\x1f\x8b":
        return _plain(_gunzip(path, folder, progress), _below(folder), progress)
    if start[:4] == b"PK\x03\x04":
        return _plain(_unzip(path, folder), _below(folder), progress)
    if start[:4] == b"PAR1":
        return _write(folder / path.name, _parquet_rows(path))
    text = _as_utf8(path, folder, start)
    with text.open("rb") as file:
        head = file.read(_HEAD)
    if not head.removeprefix(codecs.BOM_UTF8):
        raise BadInput("The file is empty.", where=path.name, hint="Nothing was changed.")
    _must_be_text(head, path)
    opening = head.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if opening == b"[" or (opening == b"{" and not _is_lines(text)):
        return _write(_below(folder) / path.name, _records(text, progress), raw=True)
    return text


def _below(folder: Path) -> Path:
    inner = folder / "unpacked"
    inner.mkdir()
    return inner


def _gunzip(path: Path, folder: Path, progress: Progress) -> Path:
    target = folder / (path.name.removesuffix(".gz") if path.suffix == ".gz" else path.name)
    progress.stage(f"Unpacking {path.name}", path.stat().st_size)
    try:
        with gzip.open(path) as packed, target.open("wb") as out:
            shutil.copyfileobj(packed, out, _BLOCK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(
            f"The gzip file is broken: {error}.", where=path.name, hint="Nothing was changed. Fetch it again."
        ) from error
    return target


def _unzip(path: Path, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(path) as packed:
            members = [
                one
                for one in packed.infolist()
                if not one.is_dir() and not one.filename.startswith("__MACOSX/")
            ]
            if len(members) != 1:
                names = ", ".join(one.filename for one in members[:8])
                raise BadUsage(
                    f"The zip file holds {len(members)} files: {names}.",
                    where=path.name,
                    hint="Unpack it and import the file you mean.",
                )
            # the name inside is a stranger's: only its last part, and only as a name
            target = folder / (Path(members[0].filename).name or "member")
            with packed.open(members[0]) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, _BLOCK)
    except (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        NotImplementedError,
    ) as error:  # the last two: a password, an unknown packing
        raise BadInput(
            f"The zip file is broken or locked: {error}.",
            where=path.name,
            hint="Unpack it yourself, or fetch it again.",
        ) from error
    return target


def _as_utf8(path: Path, folder: Path, start: bytes) -> Path:
    """The file itself, or a copy in UTF-8 with line feeds where it was UTF-16 or has bare carriage returns."""
    encoding = "utf-16" if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if encoding == "utf-8" and not (b"\r" in head and b"\n" not in head):
        return path
    target = folder / f"{path.stem}.utf8{path.suffix}"
    with (
        path.open("r", encoding=encoding, errors="backslashreplace", newline=None) as source,
        target.open("w", encoding="utf-8", newline="\n") as out,
    ):
        shutil.copyfileobj(source, out, _BLOCK)
    return target


def _must_be_text(head: bytes, path: Path) -> None:
    strange = sum(head.count(byte) for byte in _CONTROL)
    if strange * 20 > len(head) and len(head) > 1:
        raise BadInput(
            "This is a binary file, not text.",
            where=path.name,
            hint="Touchstone reads JSON, JSON lines, CSV, TSV and Parquet; .gz and .zip of those.",
        )


def _is_lines(path: Path) -> bool:
    """Whether the first line that says anything is a JSON value by itself, or the file has only broken lines."""
    with path.open("rb") as file:
        lines = [line for line in (file.readline(4 * _BLOCK) for _ in range(20)) if line.strip()]
    if not lines:
        return True
    values = [_parsed(line.decode("utf-8-sig", "replace")) for line in lines]
    if len(lines) == 1 and values[0] is not None:
        value = values[0]
        return isinstance(value, dict) and (form_of(value) is not None or not _lists(value))
    whole = sum(isinstance(value, dict | list) for value in values)
    return whole > 0 or not lines[0].strip() == b"{" and not lines[0].rstrip().endswith((b"{", b"[", b","))


def _records(path: Path, progress: Progress) -> Iterator[str]:
    """The elements of a JSON array, or of the lists in one JSON object, each on one line."""
    text = _text(path)
    progress.stage(f"Cutting {path.name} into records", None)
    whole = _parsed(text) if text.lstrip()[:1] == "{" else None
    if isinstance(whole, dict):
        yield from _of_object(whole)
        return
    for element in _elements(text):
        yield _line(element)


def _parsed(text: str) -> Any:  # noqa: ANN401  any JSON value
    """The value of a JSON text; None where it is none, or is nested too deeply to be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _line(element: str) -> str:
    """A record on one line: a line break in JSON is a blank; a pair of text and label gets names."""
    one = " ".join(element.split("\n")).replace("\r", " ").strip()
    if one[:1] == "[":
        value = _parsed(one)
        return one if value is None else json.dumps(_named(value), ensure_ascii=False)
    return one


def _named(value: Any) -> Any:  # noqa: ANN401  any JSON value
    two = isinstance(value, list) and len(value) == 2 and all(isinstance(part, str | int) for part in value)
    return {"text": value[0], "label": value[1]} if two else value


def _of_object(value: dict[str, Any]) -> Iterator[str]:
    if not _lists(value) or form_of(value) is not None:
        yield json.dumps(value, ensure_ascii=False)
        return
    for key, many in value.items():
        for one in many:
            named = _named(one)
            yield json.dumps({**named, "part": key} if isinstance(named, dict) else named, ensure_ascii=False)


def _lists(value: dict[str, Any]) -> bool:
    """Whether it is nothing but lists: the parts of a set."""
    return bool(value) and all(isinstance(many, list) for many in value.values())


def _text(path: Path) -> str:
    """The whole text; a pair of surrogates that was written as two characters is mended, other bytes stay visible."""
    data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        return data.decode("utf-8", "backslashreplace")


def _elements(text: str) -> Iterator[str]:
    """The values of an array, or values one after another, as they are written; a broken one keeps its text."""
    depth, start, array = 0, None, text.lstrip()[:1] == "["
    outer = 1 if array else 0
    begin = text.index("[") + 1 if array else 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
            if not array and depth == 0:
                yield text[begin : token.end()]
                begin = token.end()
            elif array and depth == 0:
                start = token.start()
                break
        elif mark == "," and depth == outer and array:
            yield text[begin : token.start()]
            begin = token.end()
    rest = text[begin : start if start is not None else len(text)]
    if rest.strip():
        yield rest


def _write(path: Path, rows: Iterable[Any], *, raw: bool = False) -> Path:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
        for row in rows:
            out.write(row if raw else json.dumps(row, ensure_ascii=False, default=str))
            out.write("\n")
    return path


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file; numbers that the file's metadata gives names get their names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = _class_names((file.schema_arrow.metadata or {}).get(b"huggingface"))
        for batch in file.iter_batches(2_000):
            for row in batch.to_pylist():
                yield _named_classes({key: _without_nulls(value) for key, value in row.items()}, names)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            f"The Parquet file is broken: {error}.", where=path.name, hint="Fetch it again."
        ) from error


def _class_names(metadata: bytes | None) -> dict[str, list[str]]:
    try:
        features = json.loads(metadata or b"{}")["info"]["features"]
        return {name: one["names"] for name, one in features.items() if one.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _named_classes(row: dict[str, Any], names: dict[str, list[str]]) -> dict[str, Any]:
    for key, known in names.items():
        value = row.get(key)
        if isinstance(value, int) and 0 <= value < len(known):
            row[key] = known[value]
    return row


def _without_nulls(value: Any) -> Any:  # noqa: ANN401  any value of a table
    """Keys that a struct column invented: every struct has every key, so an absent one came back as null."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def is_dataset(folder: Path) -> bool:
    """Whether a folder was written by `datasets.save_to_disk`."""
    return (folder / "dataset_info.json").is_file() or (folder / "dataset_dict.json").is_file()


def _from_disk(folder: Path) -> datasets.Dataset | datasets.DatasetDict:
    import datasets

    return datasets.load_from_disk(str(folder))


def _dataset_rows(loaded: datasets.Dataset | datasets.DatasetDict) -> Iterator[dict[str, Any]]:
    """The rows of a data set; those of several splits carry the split's name as `part`."""
    import datasets

    parts = loaded.items() if isinstance(loaded, datasets.DatasetDict) else [("", loaded)]
    for part, rows in parts:
        names = {key: one.names for key, one in rows.features.items() if isinstance(one, datasets.ClassLabel)}
        for row in rows:
            plain = _named_classes({key: _without_nulls(value) for key, value in row.items()}, names)
            yield plain | ({"part": part} if part else {})
