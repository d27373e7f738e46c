"""A file as plain UTF-8 text, whatever it is packed in.

Gzip, UTF-16 and a JSON array of objects are undone into a temporary copy, one object a line.
"""

from __future__ import annotations

import codecs
import gzip
import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from curation.errors import BadInput

_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BLOCK = 1 << 20


@contextmanager
def plain(path: Path) -> Iterator[Path]:
    """The file itself, or an unpacked copy under its own name without `.gz`, gone afterwards.

    Raises:
        BadInput: the file is cut short or damaged.
    """
    with TemporaryDirectory() as folder:
        here = path
        if _begins(here) == b"\x1f\x8b":
            here = _unzipped(here, Path(folder) / path.name.removesuffix(".gz"))
        if _begins(here) in _MARKS:
            here = _recoded(here, Path(folder) / f"utf-8.{here.name}")
        yield _array_as_lines(here, Path(folder) / f"lines.{here.name}") or here


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2)


def _unzipped(path: Path, to: Path) -> Path:
    try:
        with gzip.open(path) as file, to.open("wb") as out:
            shutil.copyfileobj(file, out, _BLOCK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(
            f"The gzip file is cut short or damaged: {error}.",
            where=path.name,
            hint="Nothing was changed. Copy the file again.",
        ) from error
    return to


def _recoded(path: Path, to: Path) -> Path:
    with (
        path.open("r", encoding="utf-16", errors="backslashreplace", newline="") as file,
        to.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out,
    ):
        shutil.copyfileobj(file, out, _BLOCK)
    return to


def _array_as_lines(path: Path, to: Path) -> Path | None:
    """Each object of a JSON array as a line, in its own words; None when the file is no such array."""
    with path.open("rb") as file:
        if not file.read(64).removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
            return None
    try:
        text = path.read_text("utf-8-sig")
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(value, dict) for value in values):
        return None
    decoder, place = json.JSONDecoder(), text.index("[") + 1
    with to.open("w", encoding="utf-8", newline="\n") as out:
        for _ in values:
            start = text.index("{", place)
            _, place = decoder.raw_decode(text, start)
            out.write(text[start:place].replace("\r", " ").replace("\n", " ") + "\n")
    return to
