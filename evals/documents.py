"""A folder of documents as passages: Markdown and text files, split at headings and paragraphs.

A file is data: it is never evaluated, links out of the folder are not followed, and sizes are limited.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import BadInput
from curation.files import write_atomic

FILE = "passages.parquet"
SUFFIXES = (".md", ".markdown", ".txt")
MOST_CHARACTERS = 1000  # about 220 tokens: the packaged model of meaning reads 256 and ignores the rest
MOST_BYTES = 20_000_000
MOST_FILES = 20_000
MOST_PASSAGES = 200_000
_MISTAKES_SHOWN = 5
_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*?)[ \t]*#*")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_SCHEMA = pa.schema([(name, pa.string()) for name in ("source", "heading", "text")])


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: its file, the headings above it ("Returns > Parcels"), its words."""

    source: str
    heading: str
    text: str

    @property
    def for_meaning(self) -> str:
        """What its vector is made of."""
        return f"{self.heading}\n{self.text}".strip()


def read(folder: Path) -> list[Passage]:
    """All passages of the documents in a folder and the folders below it, in order of their paths.

    Raises:
        BadInput: no such folder, no document in it, too much of it, or files that are not UTF-8 text (the
            first five are named).
    """
    if not folder.is_dir():
        raise BadInput(
            "There is no such folder of documents.", where=str(folder), hint="See `documents` in task.yaml."
        )
    paths = list(_files(folder))
    if len(paths) > MOST_FILES:
        raise BadInput(f"The folder has more than {MOST_FILES:,} documents.", where=str(folder))
    passages: list[Passage] = []
    mistakes: list[str] = []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            passages += split(_text(path), name, markdown=path.suffix.lower() != ".txt")
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
        if len(passages) > MOST_PASSAGES:
            raise BadInput(f"The documents make more than {MOST_PASSAGES:,} passages.", where=str(folder))
    if mistakes:
        more = len(mistakes) - _MISTAKES_SHOWN
        told = "; ".join(mistakes[:_MISTAKES_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise BadInput(
            told, where=str(folder), hint="Save them as UTF-8 text, or take them out of the folder."
        )
    if not passages:
        kinds = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        raise BadInput(f"The folder has no document with words in it ({kinds}).", where=str(folder))
    return passages


def split(text: str, source: str, *, markdown: bool) -> list[Passage]:
    """One document as passages of at most `MOST_CHARACTERS`, cut between paragraphs where that is possible.

    Args:
        text: the document.
        source: its name.
        markdown: whether `#` at the start of a line is a heading.
    """
    sections = _sections(text) if markdown else [("", text)]
    return [Passage(source, heading, part) for heading, body in sections for part in _parts(body)]


def keep(folder: Path, passages: list[Passage]) -> None:
    """Write the passages into an evaluation's folder."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([asdict(one) for one in passages], schema=_SCHEMA), buffer)
    write_atomic(folder / FILE, buffer.getvalue())


def kept(folder: Path) -> list[Passage] | None:
    """The passages an evaluation was made with; None when it has none."""
    path = folder / FILE
    return [Passage(**row) for row in pq.read_table(path).to_pylist()] if path.is_file() else None


def _files(folder: Path) -> Iterator[Path]:
    for place, below, names in os.walk(folder, followlinks=False):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith(".") and not path.is_symlink():
                yield path


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ValueError(f"{size:,} bytes, at most {MOST_BYTES:,} are read")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text at byte {error.start:,}") from error
    except OSError as error:
        raise ValueError(str(error.strerror or error)) from error


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Headings above and body of each section; a `#` inside a code block is no heading."""
    above: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""
    for line in text.splitlines():
        opened = _FENCE.match(line)
        if opened and not fence:
            fence = opened[1]
        elif opened and opened[1].startswith(fence):
            fence = ""
        found = None if fence or opened else _HEADING.fullmatch(line)
        if found is None:
            lines.append(line)
            continue
        yield _path(above), "\n".join(lines)
        lines = []
        above = [
            *((level, name) for level, name in above if level < len(found[1])),
            (len(found[1]), found[2]),
        ]
    yield _path(above), "\n".join(lines)


def _path(above: list[tuple[int, str]]) -> str:
    return " > ".join(name for _, name in above)[:MOST_CHARACTERS]


def _parts(body: str) -> Iterator[str]:
    """Whole paragraphs packed together up to the limit; a longer one is cut."""
    held = ""
    for paragraph in re.split(r"\n\s*\n", body):
        for piece in _cut(paragraph.strip()):
            if held and len(held) + 2 + len(piece) > MOST_CHARACTERS:
                yield held
                held = ""
            held = f"{held}\n\n{piece}" if held else piece
    if held:
        yield held


def _cut(paragraph: str) -> Iterator[str]:
    """A paragraph in pieces within the limit: at the end of a line or sentence, else between words."""
    while len(paragraph) > MOST_CHARACTERS:
        head = paragraph[:MOST_CHARACTERS]
        ends = (head.rfind("\n"), max(head.rfind(mark) for mark in (". ", "? ", "! ")) + 1, head.rfind(" "))
        place = next((end for end in ends if end > MOST_CHARACTERS // 2), MOST_CHARACTERS)
        yield paragraph[:place].strip()
        paragraph = paragraph[place:].strip()
    if paragraph:
        yield paragraph
