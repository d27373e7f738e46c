"""Documents as passages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import BadInput
from evals import documents
from evals.documents import MOST_CHARACTERS, Passage

GUIDE = """Opening words.

# Returns

Within 30 days.

## Parcels ##

Send it back.

```sh
# not a heading
```

# Refunds

Paid in a week.
"""


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_a_passage_carries_the_headings_above_it_and_code_is_no_heading() -> None:
    assert documents.split(GUIDE, "g.md", markdown=True) == [
        Passage("g.md", "", "Opening words."),
        Passage("g.md", "Returns", "Within 30 days."),
        Passage("g.md", "Returns > Parcels", "Send it back.\n\n```sh\n# not a heading\n```"),
        Passage("g.md", "Refunds", "Paid in a week."),
    ]


def test_in_plain_text_nothing_is_a_heading() -> None:
    assert [one.heading for one in documents.split("# a\n\nb", "g.txt", markdown=False)] == [""]


@given(st.text(alphabet="ab .?\n#\u4e2d", max_size=400).map(lambda text: text * 12))
def test_no_word_is_lost_and_no_passage_is_too_long(text: str) -> None:
    parts = [one.text for one in documents.split(text, "g.txt", markdown=False)]
    assert squeezed("".join(parts)) == squeezed(text)
    assert all(0 < len(part) <= MOST_CHARACTERS for part in parts)


def test_short_paragraphs_share_a_passage_and_long_ones_are_cut_at_a_sentence() -> None:
    assert len(documents.split("one\n\ntwo\n\nthree", "g.txt", markdown=False)) == 1
    long = "This is a sentence of some length. " * 60
    assert all(one.text.endswith(".") for one in documents.split(long, "g.txt", markdown=False))


def test_a_folder_is_read_in_order_and_only_its_own_documents(tmp_path: Path) -> None:
    outside = tmp_path / "secret.md"
    outside.write_text("secret", "utf-8")
    folder = tmp_path / "docs"
    (folder / "b").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name in ("b/two.MD", "a.txt", ".hidden.md", ".git/x.md", "image.png"):
        (folder / name).write_text(f"words of {name}", "utf-8")
    (folder / "link.md").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    assert [one.source for one in documents.read(folder)] == ["a.txt", "b/two.MD"]


def test_files_that_are_not_text_are_all_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.md").write_bytes(b"caf\xe9")
    (tmp_path / "big.txt").write_text("x" * 50, "utf-8")
    (tmp_path / "good.md").write_text("fine", "utf-8")
    monkeypatch.setattr(documents, "MOST_BYTES", 40)
    with pytest.raises(BadInput) as caught:
        documents.read(tmp_path)
    assert "bad.md: not UTF-8 text at byte 3" in str(caught.value)
    assert "big.txt: 50 bytes" in str(caught.value)


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        documents.read(tmp_path / "nowhere")
    (tmp_path / "empty.md").write_text("\n", "utf-8")
    with pytest.raises(BadInput, match="no document with words"):
        documents.read(tmp_path)


def test_passages_kept_in_an_evaluation_are_read_back(tmp_path: Path) -> None:
    assert documents.kept(tmp_path) is None
    passages = documents.split(GUIDE, "g.md", markdown=True)
    documents.keep(tmp_path, passages)
    assert documents.kept(tmp_path) == passages
