"""Texts to unit vectors by meaning, each text embedded once.

Vectors already written are never changed: each part is one Parquet file under a new name, by rename, so that
a killed run loses at most its last part and the next one goes on from there.
"""

from __future__ import annotations

import json
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
BATCH_TOKENS = 8192  # padded tokens of one forward pass; larger batches were no faster on one core
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
    keys = [sha256(text.encode("utf-8", "surrogatepass")) for text in texts]
    wanted = dict(zip(keys, texts, strict=True))
    folder = cache / f"{models.fingerprint(place)[:16]}-{precision()}" if cache else None
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
def _loaded(path: str) -> tuple[Any, Any, int, str] | None:
    """(tokenizer, encoder, longest input, pooling), None for a stack only sentence-transformers reads.

    Read here because importing sentence-transformers costs 10 s where torch and transformers cost 3.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    models.quiet()
    folder = Path(path)
    stack = _json(folder / "modules.json", [])
    kinds = [str(module.get("type", "")).rsplit(".", 1)[-1] for module in stack]
    pooled = _json(folder / str(stack[1].get("path")) / "config.json", {}) if len(stack) > 1 else {}
    modes = [key for key, value in pooled.items() if key.startswith("pooling_mode_") and value]
    pooling = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}.get("".join(modes))
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]) or pooling is None:
        return None
    dtype = models.dtype_option(getattr(torch, precision()))
    root = folder / str(stack[0].get("path", ""))
    model = AutoModel.from_pretrained(str(root), use_safetensors=True, local_files_only=True, **dtype)
    tokenizer = AutoTokenizer.from_pretrained(str(root), local_files_only=True)
    settings = _json(root / "sentence_bert_config.json", {})
    longest = settings.get("max_seq_length") or model.config.max_position_embeddings
    if settings.get("do_lower_case"):
        return None
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    return tokenizer, model, int(longest), pooling


def _encoder(path: str, advance: Callable[[int], None]) -> Encoder:
    loaded = _loaded(path)
    if loaded is None:
        return _sentence_transformer(path, advance)
    tokenizer, model, longest, pooling = loaded

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        rows = tokenizer([_clean(text) for text in texts], truncation=True, max_length=longest)["input_ids"]
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        out = np.empty((len(rows), model.config.hidden_size), dtype=np.float32)
        while order:
            batch = [order.pop()]
            width = len(rows[batch[0]])
            while order and width * (len(batch) + 1) <= BATCH_TOKENS:
                batch.append(order.pop())
            out[batch] = _forward(
                model, [rows[index] for index in batch], tokenizer.pad_token_id or 0, pooling
            )
            advance(len(batch))
        return out

    return encode


def _forward(
    model: Any,  # noqa: ANN401
    rows: Sequence[Sequence[int]],
    pad: int,
    pooling: str,
) -> NDArray[np.float32]:
    import torch

    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = 1
    with torch.inference_mode():
        ids, mask = ids.to(model.device), mask.to(model.device)
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        weights = mask.unsqueeze(-1).float()
        pooled = (
            hidden[:, 0] if pooling == "cls" else (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        )
        made: NDArray[np.float32] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
    return made


def _sentence_transformer(path: str, advance: Callable[[int], None]) -> Encoder:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(path, local_files_only=True, device="cpu")

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        parts = []
        for start in range(0, len(texts), 64):
            batch = [_clean(text) for text in texts[start : start + 64]]
            parts.append(model.encode(batch, normalize_embeddings=True, show_progress_bar=False))
            advance(len(batch))
        return np.concatenate(parts).astype(np.float32)

    return encode


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate would stop the tokenizer


def _json(path: Path, default: Any) -> Any:  # noqa: ANN401  any JSON value
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return default
