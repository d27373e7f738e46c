"""Guarantee 1: rows in = examples + quarantined + exact re-imports, for every import."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import importing, project, store
from curation.errors import TouchstoneError

pytestmark = pytest.mark.slow

GOOD = st.builds(
    lambda q, a: json.dumps(
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
    ).encode(),
    st.sampled_from("abc"),
    st.sampled_from("xy"),
)
# Lines a real export may hold; none of them contains a line end of its own.
BAD = st.one_of(
    st.binary(max_size=40).filter(lambda b: b"\n" not in b and b"\r" not in b),
    st.sampled_from(
        [
            b"",
            b"{",
            b"null",
            b'{"messages": "x"}',
            b'{"messages": [{"role": 1}]}',
            b"\xff\xfe\x00",
            b'{"messages": [{"role": "user", "content": "\x01"}]}',
            b"\xef\xbb\xbf{}",
            "�".encode(),
        ]
    ),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(GOOD | BAD, min_size=1, max_size=12), min_size=1, max_size=3),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_counts_add_up_whatever_the_file_holds(tmp_path_factory, files, line_end):
    folder = tmp_path_factory.mktemp("p")
    with store.create(project.reserve(folder / "project")) as opened:
        known = 0
        for number, lines in enumerate(files):
            path = folder / f"file{number}.jsonl"
            path.write_bytes(line_end.join(lines) + line_end)
            try:
                report = importing.import_file(opened, path, format="messages", who="ann")
            except TouchstoneError:
                assert opened.value("select count(*) from example") == known
                continue
            assert report.rows == len(lines)
            assert report.rows == report.examples + report.quarantined + report.repeated
            known += report.examples
            assert opened.value("select count(*) from example") == known
        appearances = opened.value("select count(*) from occurrence")
        assert appearances >= known


NAMED = st.builds(
    lambda name, q, a: json.dumps(
        {"key": name, "messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
    ).encode(),
    st.sampled_from(["1", "2", "3", ""]),
    st.sampled_from("ab"),
    st.sampled_from("xyz"),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(NAMED | BAD, min_size=1, max_size=6), min_size=2, max_size=4),
    st.sampled_from(["theirs", "mine"]),
)
def test_counts_add_up_whatever_comes_back_changed(tmp_path_factory, files, choice):
    folder = tmp_path_factory.mktemp("p")
    with store.create(project.reserve(folder / "project")) as opened:
        known = 0
        for number, lines in enumerate(files):
            path = folder / f"rows-v{number}.jsonl"
            path.write_bytes(b"\n".join(lines) + b"\n")
            ids = opened.rows("select seq, id from example order by seq")
            try:
                report = importing.import_file(
                    opened, path, format="messages", mapping={"id": "key"}, changed=choice, who="ann"
                )
            except TouchstoneError:
                continue
            assert report.rows == len(lines)
            assert report.rows == report.examples + report.quarantined + report.repeated
            assert report.revised + report.kept <= report.repeated
            known += report.examples
            assert opened.value("select count(*) from example") == known
            assert opened.rows("select seq, id from example order by seq")[: len(ids)] == ids


def test_a_quote_that_is_never_closed_costs_one_row_of_a_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(
        b"text,label\n" + b"a,x\nb,y\n" * 5 + b'"never closed,y\n' + b'c,x\nd,y\n"two\nlines",x\n'
    )
    with store.create(project.reserve(tmp_path / "project")) as opened:
        report = importing.import_file(opened, path, who="ann")
        refused = opened.rows("select line, raw from quarantine")
    assert (report.rows, report.examples, report.quarantined, report.repeated) == (14, 5, 1, 8)
    assert refused == [(12, '"never closed,y')]
