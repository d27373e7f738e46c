"""Notes on held-out rows: the newest counts, a press counts once, an empty text takes it back."""

from __future__ import annotations

import pytest

from curation.errors import BadInput
from evals import notes


def test_the_newest_note_of_a_row_counts_and_an_empty_one_takes_it_back(tmp_path):
    file = tmp_path / notes.FILE
    assert notes.read(file) == {}
    notes.write(file, "a", "first  #one", who="ann", op="1")
    notes.write(file, "a", "second #two-b #two-b", who="bob", op="2")
    notes.write(file, "a", "pressed again", who="bob", op="2")
    notes.write(file, "b", "other", who="ann", op="3")
    assert (notes.read(file)["a"].text, notes.read(file)["a"].tags) == ("second #two-b #two-b", ("two-b",))
    notes.write(file, "a", "", who="ann", op="4")
    assert set(notes.read(file)) == {"b"}


def test_a_torn_line_is_passed_over_and_a_broken_one_is_named(tmp_path):
    file = tmp_path / notes.FILE
    notes.write(file, "a", "kept", who="ann", op="1")
    file.write_text(file.read_text("utf-8") + '{"op"', "utf-8")
    notes.write(file, "b", "after", who="ann", op="2")
    assert set(notes.read(file)) == {"a", "b"}
    file.write_text("[]\n", "utf-8")
    with pytest.raises(BadInput, match="Line 1"):
        notes.read(file)
