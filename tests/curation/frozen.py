"""Version folders written by hand, and the leakage audit the slow way."""

from __future__ import annotations

import unicodedata
from itertools import combinations

import pyarrow as pa
import pyarrow.parquet as pq

from curation.example import content_id, text_of
from curation.files import canonical_json, write_json
from curation.leakage import SPLITS
from tests.curation.dedup.reference import jaccard, least, shingles_of, uses_grams, words_of

COLUMNS = ("id", "messages", "tools", "chosen", "rejected", "label", "group", "cluster", "split", "metadata")
SCHEMA = pa.schema([(name, pa.string()) for name in COLUMNS])


def write(folder, rows, settings=None):
    """Write (split, messages, group) rows as a version folder; return the id of each row."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {split: [] for split in SPLITS}
    ids = []
    for number, (split, messages, group) in enumerate(rows):
        text = canonical_json(messages)
        made = content_id(text, None, None, None, str(number))
        ids.append(made)
        files[split].append(
            {
                "id": made, "messages": text, "tools": None, "chosen": None, "rejected": None, "label": None,
                "group": group, "cluster": made, "split": split, "metadata": "{}",
            }
        )  # fmt: skip
    for split, some in files.items():
        some.sort(key=lambda row: row["id"])
        pq.write_table(pa.Table.from_pylist(some, schema=SCHEMA), folder / f"{split}.parquet")
    write_json(folder / "manifest.json", {"settings": settings or {}})
    return ids


def normalised(text):
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(
        "".join(c if unicodedata.category(c)[0] in "LMN" or c == "_" else " " for c in folded).split()
    )


def views(messages):
    whole = "\n".join(text_of(m) for m in messages if m["role"] not in ("system", "developer"))
    asked = "\n".join(text_of(m) for m in messages if m["role"] == "user")
    return normalised(whole), normalised(asked)


def leaks(rows):
    """Pairs of positions in different splits that are equal, similar, or share a group, by brute force."""
    texts = [views(messages) for _, messages, _ in rows]
    grams = uses_grams(list({whole for whole, _ in texts if whole}))
    found = set()
    for a, b in combinations(range(len(rows)), 2):
        if rows[a][0] == rows[b][0]:
            continue
        alike = any(
            x and y and (x == y or similar(x, y, grams)) for x, y in zip(texts[a], texts[b], strict=True)
        )
        if alike or (rows[a][2] is not None and rows[a][2] == rows[b][2]):
            found.add(frozenset((a, b)))
    return found


def similar(x, y, grams):
    limit = least(len(words_of(x)), len(words_of(y)), grams, None)
    return jaccard(shingles_of(x, grams), shingles_of(y, grams)) >= limit


def all_leaks_by_group(rows):
    """Of each shared group one pair for every two splits, as the audit lists them; all other pairs whole."""
    without = leaks([(split, messages, None) for split, messages, _ in rows])
    groups = {}
    for split, _, group in rows:
        if group is not None:
            groups.setdefault(group, set()).add(split)
    return without, {group for group, splits in groups.items() if len(splits) > 1}
