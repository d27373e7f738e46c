"""A picture of the rows by meaning: a place in the plane for each, near ones near; a region of it is a filter.

The same vectors give the same picture. A row that changed since has no place until the map is made again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation import meaning
from curation.errors import NotReady
from curation.progress import SILENT, Progress
from curation.task import DEFAULT_EMBEDDER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curation.store import Store

    Floats = NDArray[np.float32]

EDGE = 100  # coordinates reach from -EDGE to EDGE
MOST_PLACED = 20_000  # rows that t-SNE places; the others go to their nearest of these
_KEY = "map"
_SEED = 0
_ROUNDS = 750
_DIMENSIONS = 50
_PERPLEXITY = 30
_NEAREST = 3
_BLOCK = 2048
_SHARPNESS = 20  # of the weights of the nearest: 0.05 less cosine counts e times less
# One core, 500 rounds: 2.3 s for 1,000 rows of 384 dimensions, 6.1 s for 3,000.
_SECONDS_A_ROW = 0.0032
_SECONDS_A_ROW_MORE = 0.0006


@dataclass(frozen=True, slots=True)
class Picture:
    """What was made.

    Attributes:
        rows: how many have a place.
        placed: how many of them t-SNE placed; the others stand at the nearest of these.
        embedder: whose vectors these are.
        revision: of the project, when it was made.
    """

    rows: int
    placed: int
    embedder: str
    revision: int

    @property
    def sentence(self) -> str:
        """How the places came about."""
        if self.rows < 4:
            return f"{self.rows:,} rows: too few for a picture that says anything."
        told = f"{self.rows:,} rows by t-SNE: near means alike, far apart means little"
        if self.placed < self.rows:
            told = (
                f"{told}; {self.placed:,} of them at random were placed so, the others beside their nearest"
            )
        return f"{told}."


def seconds(store: Store, embedder: str = DEFAULT_EMBEDDER) -> float:
    """What `build` will take, vectors included."""
    cost = meaning.estimate(store, embedder)
    return cost.seconds + _drawing(cost.rows)


def build(store: Store, embedder: str = DEFAULT_EMBEDDER, progress: Progress = SILENT) -> Picture:
    """Place all rows that have a question, and store their places instead of those before.

    Raises:
        NotReady: there is no row to place.
    """
    # Before the texts, so that an edit meanwhile is seen.
    hashes: dict[int, str] = dict(store.rows("select seq, text_hash from live"))
    revision = store.revision
    if not meaning.estimate(store, embedder).rows:
        raise NotReady("There is no row with a question to place.", where="map")
    known = meaning.read(store, embedder, None, progress)
    at, placed = _places(known.vectors, progress)
    picture = Picture(len(known.seqs), placed, embedder, revision)
    _write(store, known.seqs, hashes, at, picture)
    return picture


def last(store: Store) -> Picture | None:
    """The newest map, current or not."""
    stored = store.get(_KEY)
    return None if stored is None else Picture(**json.loads(stored))


def unplaced(store: Store) -> int:
    """How many rows with a question have no place, because they are new or changed."""
    return int(
        store.value(
            """
            select count(*)
            from live e
            join content c using (seq)
            anti join map_point m on m.seq = e.seq and m.text_hash = e.text_hash
            where trim(user_text(c.messages)) <> ''
            """
        )
    )


def is_current(store: Store) -> bool:
    """Whether every row with a question is on the map."""
    found = last(store)
    return found is not None and (found.revision == store.revision or not unplaced(store))


def box(x: tuple[float, float], y: tuple[float, float]) -> str:
    """A region as the filter `map` takes it: two opposite corners."""
    return f"{min(x):.1f},{min(y):.1f},{max(x):.1f},{max(y):.1f}"


def corners(value: str) -> tuple[float, float, float, float] | None:
    """The corners of a region as `box` writes it; None where it is no region."""
    try:
        a, b, c, d = (float(part) for part in value.split(","))
    except ValueError:
        return None
    return min(a, c), min(b, d), max(a, c), max(b, d)


def _drawing(rows: int) -> float:
    placed = min(rows, MOST_PLACED)
    return placed * _SECONDS_A_ROW + (rows - placed) * _SECONDS_A_ROW_MORE


def _places(vectors: Floats, progress: Progress) -> tuple[Floats, int]:
    """Where each vector stands, and how many of them t-SNE placed."""
    rows = len(vectors)
    some = np.arange(rows)
    if rows > MOST_PLACED:
        some = np.sort(np.random.default_rng(_SEED).choice(rows, MOST_PLACED, replace=False))
    progress.stage(f"Placing {len(some):,} rows, {meaning.about(_drawing(len(some)))}")
    drawn = _scaled(_drawn(vectors[some]))
    if len(some) == rows:
        return drawn, rows
    at = np.zeros((rows, 2), np.float32)
    at[some] = drawn
    rest = np.setdiff1d(np.arange(rows), some)
    progress.stage("Placing the others beside their nearest", len(rest))
    for start in range(0, len(rest), _BLOCK):
        part = rest[start : start + _BLOCK]
        at[part] = _beside(vectors[part] @ vectors[some].T, drawn)
        progress.advance(len(part))
    return at, len(some)


def _drawn(vectors: Floats) -> Floats:
    """A picture of some vectors: principal components, then t-SNE from the first two of them."""
    if len(vectors) < 4:
        line = np.arange(len(vectors), dtype=np.float32)
        return np.stack([line, np.zeros_like(line)], axis=1)
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    wide = min(_DIMENSIONS, *vectors.shape)
    with threadpool_limits(1):  # sums over several threads come out in any order, and so would the picture
        reduced = PCA(wide, svd_solver="full", random_state=_SEED).fit_transform(vectors)
        if not reduced.any():  # all rows say the same
            return np.zeros((len(vectors), 2), np.float32)
        made = TSNE(
            2,
            init=_start(reduced),
            perplexity=min(_PERPLEXITY, (len(vectors) - 1) / 3),
            max_iter=_ROUNDS,
            random_state=_SEED,
            n_jobs=1,
        ).fit_transform(reduced)
    return np.asarray(made, np.float32)


def _start(reduced: Floats) -> Floats:
    """The first two components, small, and each row a little aside: equal rows would never part."""
    first = np.zeros((len(reduced), 2), np.float32)
    first[:, : min(2, reduced.shape[1])] = reduced[:, :2]
    first *= 1e-4 / max(float(first[:, 0].std()), 1e-9)
    return first + np.random.default_rng(_SEED).normal(scale=1e-6, size=first.shape).astype(np.float32)


def _beside(cosine: Floats, drawn: Floats) -> Floats:
    """The mean place of the nearest, the very nearest counting most."""
    k = min(_NEAREST, cosine.shape[1])
    near = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
    value = np.take_along_axis(cosine, near, axis=1)
    weight = np.exp(_SHARPNESS * (value - value.max(axis=1, keepdims=True)))
    weight /= weight.sum(axis=1, keepdims=True)
    placed: Floats = np.einsum("nk,nkd->nd", weight, drawn[near]).astype(np.float32)
    return placed


def _scaled(made: Floats) -> Floats:
    """Each axis from -EDGE to EDGE; neither has a meaning of its own."""
    middle = (made.min(axis=0) + made.max(axis=0)) / 2
    reach = np.maximum(np.abs(made - middle).max(axis=0), 1e-9)
    scaled: Floats = ((made - middle) * (EDGE / reach)).astype(np.float32)
    return scaled


def _write(
    store: Store, seqs: NDArray[np.int64], hashes: dict[int, str], at: Floats, picture: Picture
) -> None:
    import pyarrow as pa

    hashed = pa.array([hashes.get(seq) for seq in seqs.tolist()], pa.string())
    table = pa.table({"seq": seqs, "text_hash": hashed, "x": at[:, 0], "y": at[:, 1]})
    with store.transaction() as cursor:
        cursor.register("places", table)
        store.execute(cursor, "delete from map_point")
        store.execute(
            cursor, "insert into map_point by name select * from places where text_hash is not null"
        )
        cursor.unregister("places")
        store.put(_KEY, json.dumps(asdict(picture)))
