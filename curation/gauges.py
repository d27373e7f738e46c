"""Gauges beyond the audit: what a test shares with train without being a copy, in numbers that only inform.

Measured from the frozen files alone, as the audit is. A gauge never blocks: high values have harmless reasons too
(a template, a quoted document, canned replies), and each sentence says what was counted.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from curation.errors import BadInput
from curation.progress import SILENT, Progress
from curation.shift import Shift, measure_shift

if TYPE_CHECKING:
    import duckdb

GRAM = 8  # words of a sequence
MOST_ANSWERS = 0.02  # of the test's telling answers; the leakage gauge looks at the same excess of 2 points
FEWEST_WORDS = 6  # of an answer that says more than a label
_SHOWN = 5
_CUT = 300  # characters of a value
# One word with a letter and four digits, or six digits: no date, no clock time, no decimal number.
_ID = r"""
    (regexp_full_match({value}, '[\p{{L}}\p{{N}}_#/.:-]{{5,64}}')
        and length(regexp_replace({value}, '[^0-9]', '', 'g'))
            >= case when regexp_matches({value}, '\p{{L}}') then 4 else 6 end
        and not regexp_full_match({value},
            '[0-9]{{1,4}}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,4}}([T:0-9.Z-]*)|[0-9]+\.[0-9]+'))
"""


class Coverage(NamedTuple):
    """How much of the test's prompts stands in prompts of train, as 8-word sequences.

    `long` prompts have eight words or more, `covered` of them have at least half of their sequences in train;
    `mean` is the average share of a long prompt's sequences (0 to 1, 0 where none is long).
    """

    long: int
    covered: int
    mean: float


@dataclass(frozen=True, slots=True)
class Repeated:
    """One value that is an expected answer on both sides, with the number of test rows and of train's questions."""

    value: str
    test_rows: int
    train_questions: int


@dataclass(frozen=True, slots=True)
class Answers:
    """Expected answers of the test that train has for another question.

    `telling` test rows expect free text of six words or more, or an id; of JSON answers each value counts, labels
    never do. `known` of them expect one that stands in train with another question.
    """

    telling: int
    known: int
    shown: tuple[Repeated, ...]

    @property
    def share(self) -> float | None:
        """Known of telling; None: there is none."""
        return self.known / self.telling if self.telling else None


@dataclass(frozen=True, slots=True)
class Reading:
    """One gauge in words; `tone` is good, warn or bad, and dim where nothing is to be judged."""

    name: str
    tone: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Gauges:
    """All gauges of one version."""

    answers: Answers
    coverage: Coverage
    shift: Shift

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What a person reads."""
        return (_of_answers(self.answers), _of_coverage(self.coverage), Reading("shift", *self.shift.told))

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return {
            "answers": {**asdict(self.answers), "share": self.answers.share},
            "coverage": self.coverage._asdict(),
            "shift": asdict(self.shift),
            "readings": [asdict(one) for one in self.readings],
        }


def measure(folder: Path, progress: Progress = SILENT) -> Gauges:
    """Measure a frozen version.

    Args:
        folder: a version folder; only its train.parquet and test.parquet are read.
        progress: told in stages.

    Raises:
        BadInput: a file of the version is missing.
    """
    import duckdb

    from curation import macros

    for split in ("train", "test"):
        if not (folder / f"{split}.parquet").is_file():
            raise BadInput("A file of this version is missing.", where=str(folder / f"{split}.parquet"))
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as connection:
        macros.register(connection)
        connection.execute("set memory_limit = '4GB'")
        connection.execute("set temp_directory = ?", [spill])
        progress.stage("Reading train and test")
        _read(connection, folder)
        progress.stage("Comparing the expected answers")
        shared = answers(connection)
        progress.stage("Comparing the words of the prompts")
        covered = coverage(connection)
        return Gauges(shared, covered, measure_shift(connection, progress))


def _read(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    connection.execute(
        """
        create temp table told as
        select split, id, coalesce("group", cluster, id) as belongs, normalise(user_text(messages)) as prompt,
            trim(coalesce(answer_text(messages), '')) as answer, normalise(coalesce(label, '')) as label
        from (
            select 'train' as split, * exclude (split) from read_parquet($train)
            union all by name
            select 'test' as split, * exclude (split) from read_parquet($test)
        )
        """,
        {split: str(folder / f"{split}.parquet") for split in ("train", "test")},
    )


def answers(connection: duckdb.DuckDBPyConnection) -> Answers:
    """Which telling answers of the test stand in train with another question.

    Args:
        connection: with the macros and a table `told` of split, id, prompt, answer (as written) and label.
    """
    from curation.dedup.shingles import SPACED

    spaced = SPACED.format(text="value")
    connection.execute(
        f"""
        create or replace temp table telling as
        with given as (
            select split, id, prompt, label, answer, answer[1] in ('{{', '[') and json_valid(answer) as structured
            from told
        ), single as (
            select split, id, prompt, label, answer as raw
            from given
            where not structured
            union all
            select split, g.id, prompt, label, leaf.atom ->> '$' as raw
            from (select * replace (case when structured then answer end as answer) from given) g,
                json_tree(g.answer) leaf
            where leaf.type in ('VARCHAR', 'UBIGINT', 'BIGINT')
        ), folded as (
            select split, id, prompt, label, raw, normalise(raw) as value
            from single
        )
        select split, id, prompt, raw, value
        from folded
        where value <> label
            and (
                length({spaced}) - length(replace({spaced}, ' ', '')) >= {FEWEST_WORDS - 1}
                or {_ID.format(value="raw")}
            )
        """
    )
    connection.execute(
        f"""
        create or replace temp table repeated as
        with train as (
            select value, count(distinct prompt) as questions, min(prompt) as one
            from telling
            where split = 'train' and value in (select value from telling where split = 'test')
            group by value
        )
        select t.id, t.value, left(t.raw, {_CUT}) as raw, train.questions
        from telling t
        join train using (value)
        where t.split = 'test' and (train.questions > 1 or train.one <> t.prompt)
        """
    )
    ((telling, known),) = connection.execute(
        """
        select (select count(distinct id) from telling where split = 'test'),
            (select count(distinct id) from repeated)
        """
    ).fetchall()
    shown = connection.execute(
        f"""
        select min(raw), count(distinct id) as rows, any_value(questions)
        from repeated
        group by value
        order by rows desc, value
        limit {_SHOWN}
        """
    ).fetchall()
    return Answers(int(telling), int(known), tuple(Repeated(*one) for one in shown))


def coverage(connection: duckdb.DuckDBPyConnection) -> Coverage:
    """How much of the test's prompts stands in train.

    Args:
        connection: with a table `told` of split, id and prompt (normalised).
    """
    for split in ("test", "train"):
        connection.execute(
            f"""
            create or replace temp table {split}_gram as
            select distinct {"id," if split == "test" else ""} hash(words[at_word:at_word + {GRAM - 1}]) as gram
            from (
                select id, words, unnest(range(1, len(words) - {GRAM - 2})) as at_word
                from (select id, string_split(prompt, ' ') as words from told where split = '{split}')
            )
            {"where gram in (select gram from test_gram)" if split == "train" else ""}
            """
        )
    ((long, covered, mean),) = connection.execute(
        """
        select count(*), count(*) filter (share >= 0.5), coalesce(avg(share), 0)
        from (
            select id, avg((gram in (select gram from train_gram))::int) as share
            from test_gram
            group by id
        )
        """
    ).fetchall()
    return Coverage(int(long), int(covered), float(mean))


def _of_answers(found: Answers) -> Reading:
    if found.share is None:
        return Reading(
            "answers",
            "dim",
            "Answers: no test row expects a text of more than five words or an id, so there is nothing to compare: "
            "labels repeat by nature.",
        )
    high = found.share > MOST_ANSWERS
    told = (
        f"Answers: for {found.known:,} of the {found.telling:,} test rows that expect a longer text or an id "
        f"({100 * found.share:.1f} %) train gives the expected answer to another question."
    )
    why = (
        f" Over {100 * MOST_ANSWERS:.0f} % is worth a look: learning the answer by heart may be enough, unless it is "
        "a reply given to many."
    )
    return Reading("answers", "warn" if high else "good", told + (why if high else ""))


def _of_coverage(found: Coverage) -> Reading:
    if not found.long:
        told = f"Words: no test prompt has {GRAM} words, so there are no sequences to compare."
    else:
        told = (
            f"Words: in {found.covered:,} of the {found.long:,} test prompts of {GRAM} words or more "
            f"({100 * found.covered / found.long:.1f} %) half or more of the {GRAM}-word sequences stand in prompts "
            f"of train; of a prompt's sequences {100 * found.mean:.1f} % on average. A measure, no verdict: "
            "templates and quoted documents raise it too."
        )
    return Reading("coverage", "dim", told)
