"""Files on disk: atomic writes, canonical JSON, fingerprints, the shipped data folder.

A file under its final name is always complete: it is written beside, synced, and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import IO, Any

import yaml

from curation.errors import BadInput


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write `content` so that `path` holds either the old bytes or all of the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401  any JSON value
    """Write `value` as indented UTF-8 JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:  # noqa: ANN401  any JSON value
    """Read one JSON value.

    Raises:
        BadInput: the file is missing or not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise BadInput("The file does not exist.", where=str(path)) from error
    except ValueError as error:
        raise BadInput(f"Not valid JSON: {error}", where=str(path)) from error


def write_yaml(path: Path, value: dict[str, Any]) -> None:
    """Write a mapping as YAML in its own key order, atomically."""
    write_atomic(path, yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        BadInput: the file is missing, not YAML, or not a mapping.
    """
    try:
        value = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise BadInput("The file does not exist.", where=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"Not valid YAML: {error}", where=str(path)) from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInput(f"Expected a mapping of keys, found {type(value).__name__}.", where=str(path))
    return value


def add_line(file: IO[str], path: Path, value: Any) -> None:  # noqa: ANN401  any JSON value
    """Add a line of JSON to a locked file open for appending, on a line of its own behind an unfinished one."""
    raw = path.read_bytes()
    if raw and not raw.endswith(b"\n"):
        file.truncate(raw.rfind(b"\n") + 1)
    file.write(canonical_json(value) + "\n")
    file.flush()
    os.fsync(file.fileno())


def canonical_json(value: Any) -> str:  # noqa: ANN401  any JSON value
    """JSON with sorted keys and no blanks: equal values give equal text.

    Lone surrogates are written as escapes, so that the text can always be encoded.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text


def sha256(content: str | bytes) -> str:
    """SHA-256 as 64 hex digits; text is hashed as UTF-8."""
    return hashlib.sha256(content.encode("utf-8") if isinstance(content, str) else content).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hex digits, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shipped(*parts: str) -> Path:
    """A path inside the data folder that travels with Touchstone.

    An installed wheel has it as `curation/shipped`; a checkout has it as `data/`.
    """
    here = Path(__file__).resolve().parent
    root = here / "shipped"
    return (root if root.is_dir() else here.parent / "data").joinpath(*parts)


def cache_folder() -> Path:
    """Where converted models, vectors and locks live: `TOUCHSTONE_CACHE`, else the user's cache folder."""
    base = os.environ.get("TOUCHSTONE_CACHE")
    if base:
        folder = Path(base)
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "touchstone"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
