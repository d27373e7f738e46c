"""Files of answers made elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.errors import BadInput
from evals.given import read_answers


def write(path: Path, *lines: object) -> Path:
    path.write_text(
        "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines), "utf-8"
    )
    return path


def test_every_bad_line_of_an_answers_file_is_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", {"id": "1", "answer": "x"}, "not json", {"id": 5, "answer": "x"}, {"id": "2"},
        {"id": "3", "answer": 7}, [1], {"id": "1", "answer": "y"},
    )  # fmt: skip
    with pytest.raises(BadInput) as caught:
        read_answers(path)
    text = str(caught.value)
    for part in (
        "line 2: not JSON",
        "line 3: no `id`",
        "line 4: no `answer`",
        "line 5: `answer` must be text",
        "line 6: an object",
        "1 more",
    ):
        assert part in text


def test_answers_may_be_empty_null_or_json_and_hold_any_unicode(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", {"id": "1", "answer": ""}, "", {"id": "2", "answer": None},
        {"id": "3", "answer": {"a": [1]}}, '{"id": "4", "answer": "one\u2028line"}',
    )  # fmt: skip
    assert read_answers(path) == {"1": "", "2": None, "3": '{"a": [1]}', "4": "one\u2028line"}


def test_half_a_surrogate_pair_is_a_bad_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="line 1"):
        read_answers(write(tmp_path / "a.jsonl", '{"id": "1", "answer": "\\ud800"}'))
