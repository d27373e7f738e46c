"""Which rows belong together: equal or similar conversations, equal or similar user turns.

A cluster is a connected component of all of these and is named after its smallest seq, so that the same rows
give the same clusters on any machine. Only conversations propose drops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

from curation.dedup import exact
from curation.dedup.counting import PairCount, Stars, count
from curation.dedup.near import DEFAULT_THRESHOLD, Floats, Links, Pairs, Threshold, link, prefixes
from curation.dedup.shingles import SPACED, Ints, Shingle, ShingleSets, read
from curation.errors import BadUsage
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import duckdb

GRAMS_UP_TO_WORDS = 40  # median words of the conversations
EXACT_UP_TO_WORDS = 15  # in so short a text one word can be the one that matters: cancel, renew


@dataclass(frozen=True, slots=True)
class View:
    """What was found in one text of each row: the conversation, or the user turns.

    Attributes:
        texts: the distinct texts; a text's seq is that of its first row.
        representative: row of the longest text of each text's component, of equals the first.
        similarity: of each text to its representative.
        hops: texts between the two where they are not similar enough by themselves; else 0.
        towards: row of the text that links each one to its representative, whose own is itself.
        tie: similarity of that link.
        copies: `seq` and `first` of rows whose text an earlier row has.
        pairs: how many pairs of distinct texts are similar.
        shingle: what the texts were cut into.
        threshold: the least similarity.
    """

    texts: ShingleSets
    representative: Ints
    similarity: Floats
    hops: Ints
    towards: Ints
    tie: Floats
    copies: pa.Table
    pairs: PairCount
    shingle: Shingle
    threshold: Threshold

    def edges(self, suffix: str) -> pa.Table:
        """`a, b, kind, similarity` in seqs: a tree for each component, a star for each group of copies."""
        linked = np.flatnonzero(self.towards != np.arange(len(self.towards)))
        seq = self.texts.seq
        a = np.concatenate([seq[self.towards[linked]], self.copies["first"].to_numpy()])
        b = np.concatenate([seq[linked], self.copies["seq"].to_numpy()])
        kinds = pa.array([f"near{suffix}", f"exact{suffix}"])
        kind = np.repeat([0, 1], [len(linked), len(self.copies)])
        similarity = np.concatenate([self.tie[linked], np.ones(len(self.copies))])
        columns = {"a": np.minimum(a, b), "b": np.maximum(a, b), "kind": kinds.take(pa.array(kind))}
        return pa.table({**columns, "similarity": similarity})

    def standing_for(self) -> pa.Table:
        """Every row with a text: `seq, first, representative` (seqs), `similarity, hops, words`."""
        at = np.searchsorted(self.texts.seq, self.copies["first"].to_numpy())
        text = np.concatenate([np.arange(len(self.texts.seq)), at])
        seq = np.concatenate([self.texts.seq, self.copies["seq"].to_numpy()])
        order = np.argsort(seq)
        seq, text = seq[order], text[order]
        return pa.table(
            {
                "seq": seq,
                "first": self.texts.seq[text],
                "representative": self.texts.seq[self.representative[text]],
                "similarity": self.similarity[text],
                "hops": self.hops[text],
                "words": self.texts.words[text],
            }
        )


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Clusters of two or more rows, and the verified links that tie each one together.

    Attributes:
        members: `seq, cluster, representative, similarity, exact, conversation, hops, proposed`, by seq.
            `representative` stands for the rows whose conversations are linked (itself where only user turns
            link a row); `exact`: equal to it; `conversation`: some other row has a linked conversation;
            `hops`: linked to it only through so many rows; `proposed`: may be dropped without a loss.
        edges: `a, b, kind, similarity` with a < b; kind is exact, near, exact_prompt or near_prompt.
        exact_groups: groups of rows with equal conversations.
        near_pairs: similar pairs of distinct conversations.
        near_pairs_prompt: the same of the user turns.
        clusters: how many there are.
        shingle: what all texts of the run were cut into.
        threshold: the least similarity.
    """

    members: pa.Table
    edges: pa.Table
    exact_groups: int
    near_pairs: PairCount
    near_pairs_prompt: PairCount
    clusters: int
    shingle: Shingle
    threshold: Threshold


def find(
    cursor: duckdb.DuckDBPyConnection,
    conversations: str,
    prompts: str,
    near: float | None = None,
    progress: Progress = SILENT,
) -> Duplicates:
    """Find all duplicates of a set of rows.

    Args:
        cursor: only temporary tables are made in it, and dropped again.
        conversations: name of a relation with `seq bigint, text varchar`: the normalised text
            of all turns but system turns.
        prompts: the same for the user turns alone. An empty text equals nothing.
        near: the least Jaccard similarity, in place of the default for the length of the texts.

    Raises:
        BadUsage: `near` is not above 0 and up to 1.
    """
    if near is not None and not 0 < near <= 1:
        raise BadUsage(f"A similarity of {near} cannot be asked for.", hint="Give one above 0 and up to 1.")
    whole = view(cursor, conversations, None, near, progress)
    asked = view(cursor, prompts, whole.shingle, near, progress)
    edges = pa.concat_tables([whole.edges(""), asked.edges("_prompt")])
    members = _members(whole, asked, edges)
    return Duplicates(
        members=members,
        edges=edges.sort_by([("a", "ascending"), ("b", "ascending"), ("kind", "ascending")]),
        exact_groups=len(whole.copies["first"].unique()),
        near_pairs=whole.pairs,
        near_pairs_prompt=asked.pairs,
        clusters=len(members["cluster"].unique()),
        shingle=whole.shingle,
        threshold=whole.threshold,
    )


def choose_shingle(cursor: duckdb.DuckDBPyConnection, texts: str) -> Shingle:
    """Character 5-grams where the median text has up to 40 words, else word 3-shingles.

    In a short text one changed word spoils three word shingles of few; it spoils far fewer characters.
    """
    ((median,),) = cursor.sql(f"select coalesce(median(words), 0) from {texts}").fetchall()
    return Shingle.GRAMS if median <= GRAMS_UP_TO_WORDS else Shingle.WORDS


def view(
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    shingle: Shingle | None = None,
    near: float | None = None,
    progress: Progress = SILENT,
) -> View:
    """Equal and similar texts of one relation, each component seen from its representative.

    Args:
        relation: name of a relation with `seq bigint, text varchar`, the text normalised. Better a table than a
            view: its text is read more than once.
        shingle: None: chosen for these texts.
        near: None: the default threshold of the shingle.
    """
    progress.stage("Reading texts")
    words = SPACED.format(text="text")
    cursor.execute(
        f"""
        create or replace temp table dedup_text as
        select seq, text, 1 + length({words}) - length(replace({words}, ' ', '')) as words
        from {relation}
        where text <> ''
        """
    )
    try:
        shingle = shingle or choose_shingle(cursor, "dedup_text")
        copies = exact.copies(cursor, "dedup_text")
        cursor.register("dedup_copies", copies)
        cursor.execute("delete from dedup_text where seq in (select seq from dedup_copies)")
        cursor.unregister("dedup_copies")
        texts = read(cursor, "dedup_text", shingle, progress)
    finally:
        cursor.execute("drop table dedup_text")
    threshold = DEFAULT_THRESHOLD[shingle] if near is None else Threshold(near, near)
    pairs = Pairs(texts, threshold)
    entries = prefixes(texts, threshold)
    pairs.draw(entries.rows)
    links = link(cursor, pairs, entries, progress)
    stars = _stars(pairs, links)
    similarity = pairs.similarity(np.arange(len(texts.seq)), stars.centre, stars.shared)
    hops, towards, tie = _towards_centre(pairs, links, stars.centre, similarity)
    found = count(cursor, pairs, entries, stars, progress)
    return View(texts, stars.centre, similarity, hops, towards, tie, copies, found, shingle, threshold)


def _stars(pairs: Pairs, links: Links) -> Stars:
    texts, component = pairs.sets, links.component
    order = np.lexsort((texts.seq, -texts.chars, component))
    _, first = np.unique(component[order], return_index=True)
    centre = order[first][component]
    shared = pairs.size.copy()
    others = np.flatnonzero(centre != np.arange(len(centre)))
    shared[others] = pairs.shared(others, centre[others])
    return Stars(component, centre, shared)


def _towards_centre(
    pairs: Pairs, links: Links, centre: Ints, similarity: Floats
) -> tuple[Ints, Ints, Floats]:
    """For each row: hops to its representative, the neighbour on that way, and the similarity of the two."""
    rows = np.arange(len(centre))
    direct = similarity >= pairs.of(rows, centre)
    towards, tie = np.where(direct, centre, -1), similarity.copy()
    hops = np.zeros(len(rows), np.int64)
    far = np.flatnonzero(~direct)
    if not len(far):
        return hops, towards, tie
    root = len(rows)
    near_centre = np.flatnonzero(direct)
    a = np.concatenate([np.full(len(near_centre), root), links.a])
    b = np.concatenate([near_centre, links.b])
    graph = csr_matrix((np.ones(len(a), bool), (a, b)), (root + 1, root + 1))
    order, before = breadth_first_order(graph, root, directed=False)
    for row in order[np.isin(order, far)]:
        towards[row] = before[row]
        hops[row] = hops[before[row]] + 1
    a, b = far, towards[far]
    tie[far] = pairs.similarity(a, b, pairs.shared(a, b))
    return hops, towards, tie


def _members(whole: View, asked: View, edges: pa.Table) -> pa.Table:
    linked = np.unique(np.concatenate([edges["a"].to_numpy(), edges["b"].to_numpy()]))
    a, b = (np.searchsorted(linked, edges[name].to_numpy()) for name in ("a", "b"))
    graph = csr_matrix((np.ones(len(a), bool), (a, b)), (len(linked), len(linked)))
    _, label = connected_components(graph, directed=False)
    _, first = np.unique(label, return_index=True)
    return _described(linked, linked[first][label], whole.standing_for())


def _described(linked: Ints, cluster: Ints, texts: pa.Table) -> pa.Table:
    """A line for each linked row; rows without a conversation text stand for themselves."""
    seq = texts["seq"].to_numpy()
    known = np.flatnonzero(np.isin(linked, seq))
    at = np.searchsorted(seq, linked[known])
    first, representative = linked.copy(), linked.copy()
    similarity = np.ones(len(linked))
    hops, words, company = (np.zeros(len(linked), np.int64) for _ in range(3))
    for values, name in ((first, "first"), (representative, "representative"), (similarity, "similarity")):
        values[known] = texts[name].to_numpy()[at]
    for values, name in ((hops, "hops"), (words, "words")):
        values[known] = texts[name].to_numpy()[at]
    _, group, rows = np.unique(texts["representative"].to_numpy(), return_inverse=True, return_counts=True)
    company[known] = rows[group][at]
    copy = linked != first
    close = (words > EXACT_UP_TO_WORDS) & (linked != representative) & (hops == 0)
    return pa.table(
        {
            "seq": linked,
            "cluster": cluster,
            "representative": representative,
            "similarity": similarity,
            "exact": first == representative,
            "conversation": company > 1,
            "hops": hops,
            "proposed": copy | close,
        }
    )
