"""The leakage audit: does any row of one split have a copy, a near copy or its group in another?

Recomputed from the frozen files alone, with the same exact join that finds duplicates; the tables that made
the split are never asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.errors import BadInput
from curation.files import read_json
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    from curation.dedup import Shingle, Threshold
    from curation.dedup.shingles import Ints

SPLITS = ("train", "validation", "test")
MOST = 100_000  # pairs listed of each kind; more than that are only said to be more
_SHARED = """
    select seq as a, seq as b, 1.0::double as similarity
    from wording
    where train::int + validation::int + test::int > 1
"""
KINDS = {
    "exact": "the same conversation",
    "near": "nearly the same conversation",
    "exact_prompt": "the same user turns",
    "near_prompt": "nearly the same user turns",
    "group": "the same group",
}


@dataclass(frozen=True, slots=True)
class LeakedPair:
    """Two rows in different splits that belong together; `similarity` is 1 for copies and for a shared group."""

    id_a: str
    split_a: str
    id_b: str
    split_b: str
    kind: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit found. A pair is listed once, under the first of `KINDS` that it shows.

    `complete` is False where one kind has over 100,000 pairs and the rest of them is not listed;
    `settings` says how texts were compared.
    """

    clean: bool
    pairs: tuple[LeakedPair, ...]
    counts: dict[str, int]
    complete: bool
    rows: dict[str, int]
    settings: dict[str, Any]

    @property
    def summary(self) -> dict[str, Any]:
        """What the manifest keeps of it."""
        return {
            "clean": self.clean,
            "pairs": len(self.pairs),
            "complete": self.complete,
            "kinds": self.counts,
        }

    def as_json(self) -> dict[str, Any]:
        """Plain data for audit.json and `--json`."""
        return asdict(self)


def audit(folder: Path, progress: Progress = SILENT) -> Audit:
    """Audit a frozen version.

    Args:
        folder: a version folder; its manifest says how texts were compared when duplicates were found.
        progress: told in stages.

    Raises:
        BadInput: a file of the version is missing.
    """
    settings = read_json(folder / "manifest.json").get("settings", {}).get("dedup", {})
    return audit_files(folder, settings, progress)


def read_audit(folder: Path) -> Audit:
    """The audit that was stored when the version was frozen.

    Raises:
        BadInput: there is none.
    """
    stored = read_json(folder / "audit.json")
    return Audit(**{**stored, "pairs": tuple(LeakedPair(**pair) for pair in stored["pairs"])})


def audit_files(folder: Path, dedup: dict[str, Any], progress: Progress = SILENT) -> Audit:
    """Audit the three Parquet files of a folder.

    Args:
        folder: holds train.parquet, validation.parquet and test.parquet.
        dedup: `shingle`, `threshold_short` and `threshold` as deduplication reported them; chosen for
            these texts where they are missing.
        progress: told in stages.
    """
    import duckdb

    from curation import macros

    for split in SPLITS:
        if not (folder / f"{split}.parquet").is_file():
            raise BadInput("A file of this version is missing.", where=str(folder / f"{split}.parquet"))
    with duckdb.connect() as connection:
        macros.register(connection)
        _read(connection, folder)
        shingle, threshold = _how(connection, dedup)
        leaked: list[tuple[int, int, str, float]] = []
        complete = True
        for text, suffix in (("conversation", ""), ("prompt", "_prompt")):
            progress.stage(f"Auditing the {text}s")
            complete &= _compare(connection, text, suffix, shingle, threshold, leaked, progress)
        complete &= _groups(connection, leaked)
        pairs = _named(connection, leaked)
        rows = dict(connection.execute("select split, count(*) from frozen group by split").fetchall())
    counts = {kind: sum(pair.kind == kind for pair in pairs) for kind in KINDS}
    settings = {
        "shingle": f"{shingle.unit} {shingle.size}",
        "threshold_short": threshold.short,
        "threshold": threshold.long,
    }
    return Audit(
        not pairs, pairs, counts, complete, {split: rows.get(split, 0) for split in SPLITS}, settings
    )


def _read(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    connection.execute(
        """
        create temp table frozen as
        select row_number() over (order by split, id) as seq, id, split, "group" as group_key, groups,
            normalise(conversation_text(messages)) as conversation, normalise(user_text(messages)) as prompt
        from (
            select 'train' as split, * exclude (split) from read_parquet($train)
            union all by name
            select 'validation' as split, * exclude (split) from read_parquet($validation)
            union all by name
            select 'test' as split, * exclude (split) from read_parquet($test)
            union all by name
            select null::varchar as groups
            where false
        )
        """,
        {split: str(folder / f"{split}.parquet") for split in SPLITS},
    )


def _how(connection: duckdb.DuckDBPyConnection, dedup: dict[str, Any]) -> tuple[Shingle, Threshold]:
    """Shingle and threshold: as deduplication had them, else chosen for these texts by its rule."""
    from curation.dedup import Shingle, Threshold
    from curation.dedup.clusters import choose_shingle
    from curation.dedup.near import DEFAULT_THRESHOLD

    if dedup:
        shingle = next(one for one in Shingle if f"{one.unit} {one.size}" == dedup["shingle"])
        return shingle, Threshold(dedup["threshold_short"], dedup["threshold"])
    _wordings(connection, "conversation")
    shingle = choose_shingle(connection, "wording")
    return shingle, DEFAULT_THRESHOLD[shingle]


def _wordings(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    """`spoken`: the rows with a text; `wording`: each distinct text, under the seq of its first row."""
    from curation.dedup.shingles import SPACED

    words = SPACED.format(text="text")
    connection.execute(
        f"create or replace temp table spoken as select seq, split, {text} as text from frozen where {text} <> ''"
    )
    connection.execute(
        f"""
        create or replace temp table wording as
        select min(seq) as seq, text, 1 + length({words}) - length(replace({words}, ' ', '')) as words,
            bool_or(split = 'train') as train, bool_or(split = 'validation') as validation,
            bool_or(split = 'test') as test
        from spoken
        group by text
        order by 1
        """
    )


def _compare(
    connection: duckdb.DuckDBPyConnection,
    text: str,
    suffix: str,
    shingle: Shingle,
    threshold: Threshold,
    leaked: list[tuple[int, int, str, float]],
    progress: Progress,
) -> bool:
    """Add the pairs of rows with equal or similar texts in different splits; False if there are too many."""
    import pyarrow as pa

    _wordings(connection, text)
    complete = _listed(connection, _SHARED, f"exact{suffix}", leaked)
    for a, b, similarity in _similar(connection, shingle, threshold, progress):
        connection.register("close_pair", pa.table({"a": a, "b": b, "similarity": similarity}))
        complete &= _listed(connection, "select * from close_pair", f"near{suffix}", leaked)
        connection.unregister("close_pair")
    return complete


def _listed(
    connection: duckdb.DuckDBPyConnection, wordings: str, kind: str, leaked: list[tuple[int, int, str, float]]
) -> bool:
    """Pairs of wordings as pairs of rows in different splits, each once."""
    found = connection.execute(
        f"""
        select least(l.seq, r.seq), greatest(l.seq, r.seq), any_value(p.similarity)
        from ({wordings}) p
        cross join (values ('test', 'train'), ('test', 'validation'), ('validation', 'train'),
            ('train', 'test'), ('validation', 'test'), ('train', 'validation')) across(held, other)
        join wording a on a.seq = p.a
        join wording b on b.seq = p.b
        join spoken l on l.text = a.text and l.split = held
        join spoken r on r.text = b.text and r.split = other
        group by 1, 2
        limit {MOST + 1}
        """
    ).fetchall()
    leaked += [(a, b, kind, similarity) for a, b, similarity in found[:MOST]]
    return len(found) <= MOST


def _similar(
    connection: duckdb.DuckDBPyConnection, shingle: Shingle, threshold: Threshold, progress: Progress
) -> Iterator[tuple[Ints, Ints, np.ndarray[Any, np.dtype[np.float64]]]]:
    """The wordings of one split that are similar to one of another: seqs and similarity.

    Each held-out split against those before it in `SPLITS`, both ways round: the smaller set of a pair reaches
    into its prefix less far than the larger.
    """
    import numpy as np

    from curation.dedup.near import Pairs, candidates, prefixes
    from curation.dedup.shingles import read

    sets = read(connection, "wording", shingle, progress)
    if not len(sets.seq):
        return
    columns = connection.sql("select train, validation, test from wording order by seq").fetchnumpy()
    within = {split: np.asarray(columns[split], bool) for split in SPLITS}
    pairs = Pairs(sets, threshold)
    entries = prefixes(sets, threshold)
    row = entries.column("row").astype(np.int64)
    pairs.draw(np.unique(row))
    reaching = entries.column("place") <= entries.column("reach")
    for held, others in (("test", within["train"] | within["validation"]), ("validation", within["train"])):
        here, there = within[held][row], others[row]
        for left, right in ((here, there), (there, here)):
            a, b = candidates(
                connection, pairs, entries.where(left & reaching), entries.where(right), "a.rank < b.rank"
            )
            similarity = pairs.similarity(a, b, pairs.shared(a, b, progress))
            close = similarity >= pairs.of(a, b)
            yield sets.seq[a[close]], sets.seq[b[close]], similarity[close]


def _groups(connection: duckdb.DuckDBPyConnection, leaked: list[tuple[int, int, str, float]]) -> bool:
    """For each group of any field in several splits one pair of rows for every two of them."""
    found = connection.execute(
        f"""
        with keyed as (
            select '' as field, group_key, split, seq
            from frozen
            where group_key is not null and groups is null
            union all
            select entry.key, entry.value, split, seq
            from (
                select unnest(map_entries(groups::json::map(varchar, varchar))) as entry, split, seq
                from frozen
            )
        ), present as (
            select field, group_key, split, min(seq) as seq
            from keyed
            group by all
        )
        select distinct least(a.seq, b.seq), greatest(a.seq, b.seq)
        from present a
        join present b on a.field = b.field and a.group_key = b.group_key and a.split < b.split
        order by all
        limit {MOST + 1}
        """
    ).fetchall()
    leaked += [(a, b, "group", 1.0) for a, b in found[:MOST]]
    return len(found) <= MOST


def _named(
    connection: duckdb.DuckDBPyConnection, leaked: list[tuple[int, int, str, float]]
) -> tuple[LeakedPair, ...]:
    """Seqs to ids, each pair once, under the first kind it was found as."""
    first: dict[tuple[int, int], tuple[str, float]] = {}
    for kind in KINDS:
        for a, b, found, similarity in leaked:
            if found == kind:
                first.setdefault((a, b), (kind, similarity))
    named: dict[int, tuple[str, str]] = {}
    if first:
        named = {
            seq: (id_, split)
            for seq, id_, split in connection.execute("select seq, id, split from frozen").fetchall()
        }
    return tuple(
        LeakedPair(*named[a], *named[b], kind, similarity)
        for (a, b), (kind, similarity) in sorted(first.items())
    )
