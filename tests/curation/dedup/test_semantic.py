"""Rows that ask the same in other words: no pair is missed, chains are cut, splits get groups."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from curation import embed, grouping, splits, versions
from curation.dedup import semantic
from curation.errors import BadUsage, NotReady
from curation.task import Task


def unit(vectors):
    made = np.asarray(vectors, dtype=np.float64)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def at_angles(*degrees):
    turned = np.radians(degrees)
    return unit(np.stack([np.cos(turned), np.sin(turned)], axis=1))


def parts(group):
    return {frozenset(np.flatnonzero(group == one).tolist()) for one in np.unique(group)}


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_the_components_of_all_pairs_across_blocks(seed, monkeypatch):
    monkeypatch.setattr(semantic, "_BLOCK", 16)
    made = np.random.default_rng(seed)
    centres = made.normal(size=(25, 64))
    vectors = unit(centres[made.integers(0, 25, 90)] + made.normal(size=(90, 64)) * 0.12)
    found = semantic.join(vectors, 0.95)
    near = np.triu(vectors @ vectors.T >= 0.95, 1)
    graph = networkx.Graph(list(zip(*np.nonzero(near), strict=True)))
    graph.add_nodes_from(range(90))
    assert found.pairs == near.sum()
    assert found.cut == 0
    assert parts(found.group) == {frozenset(one) for one in networkx.connected_components(graph)}
    assert len(found.a) == 90 - len(parts(found.group))
    assert np.allclose(found.similarity, (vectors[found.a] * vectors[found.b]).sum(axis=1), atol=1e-5)


def test_a_chain_is_cut_into_stars_and_counted():
    vectors = at_angles(0, 16, 32, 48, 64)  # neighbours have .96, the ends .44
    found = semantic.join(vectors, 0.95)
    assert found.cut == 1
    for part in parts(found.group):
        rows = sorted(part)
        assert (vectors[rows] @ vectors[rows].T).min(axis=1).max() >= 0.95
    assert (found.similarity >= 0.95).all()


def test_a_component_with_too_large_a_share_of_the_rows_is_cut():
    crowd = at_angles(*np.linspace(0, 25, 30))  # all pairs over .90, yet one of three rows
    found = semantic.join(np.concatenate([crowd, at_angles(*range(60, 360, 5))]), 0.9998)
    assert found.cut == 1
    assert semantic.join(crowd[:8], 0.99).cut == 0


def test_no_rows_and_no_twins():
    assert semantic.join(np.zeros((0, 4), np.float32), 0.95).pairs == 0
    assert semantic.join(np.eye(4, dtype=np.float32), 0.95).group.tolist() == [0, 1, 2, 3]


@pytest.fixture
def in_pairs(filled, monkeypatch):
    """Forty rows where 1 and 2, 3 and 4, … mean the same."""

    def vectors(texts, embedder="", cache=None, progress=None):
        number = np.array([int(text.split()[2]) for text in texts])
        made = np.eye(40)[number // 2 * 2] + 0.1 * np.eye(40)[number]
        return unit(made)

    monkeypatch.setattr(embed, "vectors", vectors)
    monkeypatch.setattr(semantic.run, "near_setting", lambda store: 1.0)
    return filled


def test_links_are_stored_beside_the_others_and_nothing_is_proposed(in_pairs):
    report = semantic.find(in_pairs, 0.95)
    assert (report.groups, report.grouped, report.pairs, report.cut) == (20, 40, 20, 0)
    stored = in_pairs.rows("select a, b, similarity from duplicate_edge where kind = 'semantic' order by a")
    assert [(a, b) for a, b, _ in stored] == [(n, n + 1) for n in range(1, 41, 2)]
    assert all(similarity >= 0.95 for *_, similarity in stored)
    assert in_pairs.value("select count(*) from duplicate where proposed") == 0
    assert semantic.last(in_pairs) == report
    semantic.run.deduplicate(in_pairs, 1.0)
    assert in_pairs.value("select count(*) from duplicate_edge where kind = 'semantic'") == 20


def test_a_split_gets_groups_only_after_somebody_asked_for_them(in_pairs):
    with pytest.raises(NotReady, match="not looked for"):
        semantic.groups(in_pairs)
    semantic.find(in_pairs, 0.95)
    table = semantic.groups(in_pairs, 0.9).to_pydict()
    assert table["seq"] == list(range(1, 41))
    assert table["group"] == [n - (n + 1) % 2 for n in range(1, 41)]


def test_a_split_keeps_rows_of_one_meaning_together_and_says_before_what_moves(in_pairs):
    task = Task()
    sizes = {"test": 10, "validation": 6, "group": "none", "who": "ann"}
    with pytest.raises(NotReady, match="not looked for"):
        splits.make(in_pairs, task, semantic=0.9, **sizes)
    assert grouping.by_meaning(in_pairs, task, "none") is None
    splits.make(in_pairs, task, **sizes)
    semantic.find(in_pairs, 0.95)
    side = dict(in_pairs.rows("select seq, split from example"))
    apart = [n for n in range(1, 41, 2) if side[n] != side[n + 1]]
    proposal = grouping.by_meaning(in_pairs, task, "none")
    assert apart and (proposal.moves, proposal.groups, proposal.rows) == (len(apart), 20, 40)
    with pytest.raises(BadUsage, match="cannot be asked"):
        splits.make(in_pairs, task, semantic=0.2, **sizes)
    splits.make(in_pairs, task, semantic=0.9, **sizes)
    side = dict(in_pairs.rows("select seq, split from example"))
    assert all(side[n] == side[n + 1] for n in range(1, 41, 2))
    assert grouping.by_meaning(in_pairs, task, "none").moves == 0
    assert versions.freeze(in_pairs, task, who="ann").manifest.settings["split"]["semantic"] == 0.9


def test_only_representatives_are_compared(filled, monkeypatch):
    monkeypatch.setattr(embed, "vectors", lambda texts, *_: np.eye(40, dtype=np.float32)[: len(texts)])
    semantic.run.deduplicate(filled, 0.3)
    standing = semantic.representatives(filled)
    assert len(standing) < 40
    assert semantic.find(filled).compared == len(standing)


def test_a_threshold_that_cannot_be_meant_is_refused(filled):
    with pytest.raises(BadUsage, match="cannot be asked"):
        semantic.find(filled, 0.2)
