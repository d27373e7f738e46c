"""Texts to unit vectors by meaning, each text embedded once.

Vectors already written are never changed: each part is one Parquet file under a new name, by rename, so that
a killed run loses at most its last part and the next one goes on from there.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import models
from curation.files import sha256
from curation.progress import SILENT, Progress
from curation.task import DEFAULT_EMBEDDER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PART_TEXTS = (
    2048  # texts in one part of the cache: 3 MB at 384 dimensions, under a minute of work on one core
)
CHUNK_TEXTS = 256  # between two calls of progress; the library sorts them by length
Encoder = Callable[[Sequence[str]], "NDArray[np.float32]"]


def vectors(
    texts: Sequence[str],
    embedder: str = DEFAULT_EMBEDDER,
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.float32]:
    """One vector of length 1 for each text, in order.

    Args:
        texts: any texts; equal ones are embedded once.
        embedder: a packaged name, a folder, or a hub name of a sentence-transformers model.
        cache: a folder for the vectors, None to keep nothing.
        progress: advances once for each distinct text not in the cache.

    Returns:
        float32 of shape (texts, dimensions); (0, 0) for no texts.

    Raises:
        MissingModel: the embedder is not on this machine and cannot be fetched.
    """
    import numpy as np

    if not texts:
        return np.zeros((0, 0), dtype=np.float32)
    place = models.resolve(embedder)
    keys = [_key(text) for text in texts]
    wanted = dict(zip(keys, texts, strict=True))
    folder = _folder(cache, place) if cache else None
    known = _read(folder, wanted) if folder else {}
    missing = sorted((key for key in wanted if key not in known), key=lambda key: (len(wanted[key]), key))
    if missing:
        progress.stage("vectors", len(missing))
        encode = _encoder(str(place.path), progress.advance)
        for start in range(0, len(missing), PART_TEXTS):
            part = missing[start : start + PART_TEXTS]
            made = encode([wanted[key] for key in part])
            if folder:
                _write(folder, part, made)
            known.update(zip(part, made, strict=True))
    return np.stack([known[key] for key in keys])


def missing(texts: Sequence[str], embedder: str, cache: Path) -> list[str]:
    """The distinct texts that `vectors` would have to embed."""
    import pyarrow.parquet as pq

    wanted = {_key(text): text for text in texts}
    if wanted:
        for path in _folder(cache, models.resolve(embedder)).glob("*.parquet"):
            for key in pq.read_table(path, columns=["key"])["key"].to_pylist():
                wanted.pop(key, None)
    return list(wanted.values())


def _key(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass"))


def _folder(cache: Path, place: models.ModelPlace) -> Path:
    return cache / f"{models.fingerprint(place)[:16]}-{precision()}"


@lru_cache(maxsize=1)
def precision() -> str:
    """bfloat16 where the CPU computes it natively and there is no GPU, else float32.

    With AVX512-BF16, bfloat16 took 24.1 instead of 43.7 CPU seconds per 1,000 rows of 80 words, and each
    vector kept a cosine of at least .998 to its float32 one. Elsewhere bfloat16 is emulated and slower.
    """
    if Path("/proc/driver/nvidia/version").exists():  # asked so that vectors from the cache need no torch
        return "float32"
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return "float32"
    return "bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"


def _read(folder: Path, wanted: dict[str, str]) -> dict[str, NDArray[np.float32]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    asked = pa.array(list(wanted))
    known: dict[str, NDArray[np.float32]] = {}
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path)
        table = table.filter(pc.is_in(table["key"], value_set=asked))
        column = table["vector"].combine_chunks()
        if len(column):
            rows = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
            known.update(zip(table["key"].to_pylist(), rows, strict=True))
    return known


def _write(folder: Path, keys: Sequence[str], made: NDArray[np.float32]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    column = pa.FixedSizeListArray.from_arrays(pa.array(made.reshape(-1)), made.shape[1])
    temporary = folder / f".{uuid.uuid4().hex}.tmp"
    pq.write_table(pa.table({"key": pa.array(list(keys)), "vector": column}), temporary, compression="zstd")
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, folder / f"{uuid.uuid4().hex}.parquet")


@lru_cache(maxsize=1)
def _loaded(path: str) -> Any:  # noqa: ANN401  a SentenceTransformer
    import torch
    from sentence_transformers import SentenceTransformer

    models.quiet()
    return SentenceTransformer(
        path,
        local_files_only=True,
        device="cuda" if torch.cuda.is_available() else "cpu",
        model_kwargs=models.dtype_option(getattr(torch, precision())),
    )


def _encoder(path: str, advance: Callable[[int], None]) -> Encoder:
    model = _loaded(path)

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        parts = []
        for start in range(0, len(texts), CHUNK_TEXTS):
            chunk = [_clean(text) for text in texts[start : start + CHUNK_TEXTS]]
            parts.append(model.encode(chunk, show_progress_bar=False))
            advance(len(chunk))
        made = np.concatenate(parts).astype(np.float32)
        # In float32, whatever the model computes in: half precision leaves lengths off by up to 0.4 %.
        unit: NDArray[np.float32] = made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)
        return unit

    return encode


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate would stop the tokenizer
