"""Texts become unit vectors, each text embedded once."""

from __future__ import annotations

import numpy as np
import pytest

from curation import embed
from curation.errors import MissingModel, Stopped

pytestmark = pytest.mark.slow

TEXTS = ["I want my money back.", "Please refund me.", "The weather is nice today.", "I want my money back."]


class Counted:
    def __init__(self, stop_after=None):
        self.done = 0
        self.stop_after = stop_after

    def stage(self, name, total=None):
        self.total = total

    def advance(self, n=1):
        self.done += n
        if self.stop_after is not None and self.done >= self.stop_after:
            raise Stopped("asked to stop")


def test_vectors_have_length_one_and_near_meanings_are_near():
    made = embed.vectors(TEXTS)
    assert made.shape == (4, 384)
    assert made.dtype == np.float32
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert made[0] @ made[1] > made[0] @ made[2] + 0.2
    assert (made[0] == made[3]).all()


def test_no_texts_give_no_vectors():
    assert embed.vectors([]).shape == (0, 0)


def test_the_cache_gives_the_very_same_vectors_without_the_model(tmp_path, monkeypatch):
    made = embed.vectors(TEXTS, cache=tmp_path)
    monkeypatch.setattr(embed, "_encoder", None)
    again = embed.vectors(TEXTS[::-1], cache=tmp_path)
    assert (again[::-1] == made).all()


def test_only_texts_that_are_new_are_embedded_and_written_parts_stay_as_they_are(tmp_path):
    embed.vectors(TEXTS[:2], cache=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    progress = Counted()
    embed.vectors(TEXTS, cache=tmp_path, progress=progress)
    assert (progress.total, progress.done) == (1, 1)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_stopped_run_keeps_its_finished_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(embed, "PART_TEXTS", 4)
    texts = [f"text number {number}" for number in range(10)]
    with pytest.raises(Stopped):
        embed.vectors(texts, cache=tmp_path, progress=Counted(stop_after=9))
    progress = Counted()
    embed.vectors(texts, cache=tmp_path, progress=progress)
    assert progress.total == 2


def test_a_part_that_was_never_finished_is_not_read(tmp_path):
    made = embed.vectors(TEXTS, cache=tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / ".half.tmp").write_bytes(b"half")
    assert (embed.vectors(TEXTS, cache=tmp_path) == made).all()


def test_odd_texts_are_embedded_too(tmp_path):
    texts = ["", " ", "\ud800 lone surrogate", "漢字", "word " * 2000]
    made = embed.vectors(texts, cache=tmp_path)
    assert np.isfinite(made).all()
    assert (embed.vectors(texts, cache=tmp_path) == made).all()


def test_vectors_do_not_depend_on_the_batch_in_float32(monkeypatch):
    monkeypatch.setattr(embed, "precision", lambda: "float32")
    embed._loaded.cache_clear()
    together = embed.vectors(TEXTS[:3])
    alone = np.concatenate([embed.vectors([text]) for text in TEXTS[:3]])
    embed._loaded.cache_clear()
    assert np.abs(together - alone).max() < 1e-5


def test_an_unknown_embedder_says_what_to_do():
    with pytest.raises(MissingModel, match="no such folder"):
        embed.vectors(TEXTS, "nothing-like-it")
