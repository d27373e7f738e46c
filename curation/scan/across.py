"""What of the test is in train: the leakage audit over the rows of two files, and what it leaves to count."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from curation import gauges, leakage, macros
from curation.leakage import Audit
from curation.progress import Progress
from curation.scan.part import ANSWER, PROMPT
from curation.scan.report import Excerpt, Leaks, Pair, Part

if TYPE_CHECKING:
    import duckdb

_SHOWN = 8  # pairs of each kind
_WORDS = 8


def compare(folder: Path, train: Part, test: Part, one_answer: bool, progress: Progress) -> Leaks:
    """Compare train.parquet and test.parquet of a folder.

    Args:
        folder: holds the two files as `part.write` wrote them, and an empty validation.parquet.
        train: what is known of train.
        test: what is known of the test.
        one_answer: whether a prompt has one right answer.
        progress: told in stages.
    """
    import duckdb

    audit = leakage.audit_files(folder, {}, progress)
    gravest = _gravest(audit)
    progress.stage("Comparing train and test")
    with duckdb.connect() as connection:
        macros.register(connection)
        connection.execute("set memory_limit = '4GB'")
        connection.execute("set temp_directory = ?", [str(folder / "spill")])
        _read(connection, folder)
        return Leaks(
            pairs=audit.counts,
            complete=audit.complete,
            rows=dict(Counter(gravest.values())),
            contradicted=_contradicted(connection) if one_answer else None,
            answers=_answers(connection),
            covered=gauges.coverage(connection)[:2],
            usable=_usable(connection, list(gravest)),
            unseen={label: n for label, n in test.labels.items() if label not in train.labels},
            shown=_shown(connection, audit),
            settings=audit.settings,
        )


def _gravest(audit: Audit) -> dict[str, str]:
    """The gravest kind of each test row that leaks, by its id."""
    order = list(leakage.KINDS)
    found: dict[str, str] = {}
    for pair in audit.pairs:
        held = pair.id_a if pair.split_a == "test" else pair.id_b
        if held not in found or order.index(pair.kind) < order.index(found[held]):
            found[held] = pair.kind
    return found


def _read(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    connection.execute(
        """
        create temp table told as
        select split, id, messages, normalise(user_text(messages)) as prompt,
            normalise(coalesce(answer_text(messages), '')) as answer,
            normalise(conversation_text(messages)) as conversation
        from (
            select 'train' as split, * exclude (split) from read_parquet($train)
            union all by name
            select 'test' as split, * exclude (split) from read_parquet($test)
        )
        """,
        {split: str(folder / f"{split}.parquet") for split in ("train", "test")},
    )


def _contradicted(connection: duckdb.DuckDBPyConnection) -> int:
    ((rows,),) = connection.execute(
        """
        with train as (
            select prompt, list(distinct answer) as answers
            from told
            where split = 'train' and prompt <> ''
            group by prompt
        )
        select count(*)
        from told t
        join train using (prompt)
        where t.split = 'test' and not list_contains(train.answers, t.answer)
        """
    ).fetchall()
    return int(rows)


def _answers(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    ((long, known),) = connection.execute(
        f"""
        select count(*), count(*) filter (answer in (select answer from told where split = 'train'))
        from told
        where split = 'test' and length(answer) - length(replace(answer, ' ', '')) >= {_WORDS - 1}
        """
    ).fetchall()
    return int(long), int(known)


def _usable(connection: duckdb.DuckDBPyConnection, leaking: list[str]) -> int:
    ((rows,),) = connection.execute(
        """
        select count(distinct conversation)
        from told
        where split = 'test' and id not in (select unnest($leaking::varchar[]))
        """,
        {"leaking": leaking},
    ).fetchall()
    return int(rows)


def _shown(connection: duckdb.DuckDBPyConnection, audit: Audit) -> tuple[Pair, ...]:
    """The closest pairs of each kind, each test row once."""
    chosen = []
    seen: dict[str, set[str]] = defaultdict(set)
    place = {kind: number for number, kind in enumerate(leakage.KINDS)}
    for pair in sorted(audit.pairs, key=lambda one: (place[one.kind], -one.similarity)):
        train, test = (pair.id_b, pair.id_a) if pair.split_a == "test" else (pair.id_a, pair.id_b)
        if test not in seen[pair.kind] and len(seen[pair.kind]) < _SHOWN:
            seen[pair.kind].add(test)
            chosen.append((pair.kind, pair.similarity, train, test))
    texts = {
        (split, id_): Excerpt(int(id_.split("-")[0]), prompt, answer)
        for split, id_, prompt, answer in connection.execute(
            f"""
            select split, id, left(user_text(messages), {PROMPT}), left(coalesce(answer_text(messages), ''), {ANSWER})
            from told
            where (split = 'train' and id in (select unnest($train::varchar[])))
                or (split = 'test' and id in (select unnest($test::varchar[])))
            """,
            {"train": [one[2] for one in chosen], "test": [one[3] for one in chosen]},
        ).fetchall()
    }
    return tuple(
        Pair(kind, similarity, texts["train", train], texts["test", test])
        for kind, similarity, train, test in chosen
    )
