"""Server time of the real screens on a million chats: each interaction runs the app's own script.

What a person does is replayed through Streamlit's AppTest: visit, filter, sort, page, search, decide. The time is
that of the script on a warm process; the browser's drawing is not in it. One line of JSON an interaction.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb
import numpy as np

from curation import checks, importing, project, store
from curation import task as tasks
from workbench import outbox, selection, state

ROWS = 1_000_000
REPEATS = 5
HOLD_MS = 300
SEARCH_HOLD_MS = 1_000
APP = Path(__file__).parents[1] / "workbench" / "app.py"
_CHATS = """
    copy (
        with numbers as (
            select range as n, hash(range) as h from range($rows)
        ),
        texts as (
            select n,
                array_to_string(list_transform(range((20 + h % 60)::bigint),
                    lambda i: 'word' || (hash(n * 131 + i) % 5000)::varchar), ' ')
                    || case when n % 40 = 0 then ' <|im_end|>' else '' end as question,
                array_to_string(list_transform(range((5 + h % 40)::bigint),
                    lambda i: 'term' || (hash(n * 137 + i) % 5000)::varchar), ' ') as answer,
                'topic ' || (h % 12)::varchar as label
            from numbers
        )
        select [{'role': 'user', 'content': question}, {'role': 'assistant', 'content': answer}] as messages, label
        from texts
        order by n
    ) to '$path' (format json)
"""


def build(folder: Path, rows: int) -> store.Store:
    """A project of so many different chats, imported as a person would."""
    path = folder / "chats.jsonl"
    with duckdb.connect() as connection:
        connection.execute(_CHATS.replace("$rows", str(rows)).replace("$path", str(path)))
    opened = store.create(project.reserve(folder / "project"))
    importing.import_file(opened, path, who="bench")
    path.unlink()
    checks.run(opened, tasks.load(opened.project.task_path), only=["roles", "empty_turn", "template_tokens"])
    return opened


def measure(opened: store.Store) -> list[dict[str, object]]:
    """Milliseconds of each interaction: the median of some, each with another choice, so that nothing is kept."""
    from streamlit.testing.v1 import AppTest

    state.workspace.store = opened
    app = AppTest.from_file(str(APP), default_timeout=120)

    def visit(page: str) -> None:
        app._page_hash = state.page(page)._script_hash  # switch_page knows pages that are files only
        run()

    def run() -> None:
        app.run()
        assert not app.exception, [one.value for one in app.exception]

    def choose(key: str, values: list[str]) -> Callable[[int], None]:
        def act(number: int) -> None:
            app.selectbox(key=key).set_value(values[number])
            run()

        return act

    def search(number: int) -> None:
        app.text_input(key="q").set_value(f"word{1000 + number} word")
        run()

    def first_matches(number: int) -> None:
        selection.select(opened, f'text~"word{2000 + number} word"', "imported", kept=None, at_once=True)

    def clear() -> None:
        for box in app.selectbox:
            if box.key != "sort":
                box.set_value(None)
        app.text_input(key="q").set_value("")
        app.selectbox(key="sort").set_value("as imported")
        run()

    def decide(number: int) -> None:
        outbox.decide_all(opened, np.array([number]), "decision", "keep", who="bench", summary="")
        run()

    def timed(
        name: str,
        act: Callable[[int], object],
        after: Callable[[], None] | None = None,
        *,
        hold: int = HOLD_MS,
    ) -> dict[str, object]:
        taken = []
        for number in range(REPEATS):
            began = time.perf_counter()
            act(number)
            taken.append(1000 * (time.perf_counter() - began))
        if after:
            after()
        return {"interaction": name, "ms": round(median(taken)), "worst_ms": round(max(taken)), "hold": hold}

    run()
    visit("review")
    return [
        timed("open Review", lambda n: visit("review")),
        timed("filter by label", choose("label", [f"topic {n}" for n in range(REPEATS)]), clear),
        timed("filter by flag", choose("flag", ["template_tokens", "any flag"] * 3), clear),
        timed("filter by decision", choose("decision", ["undecided", "keep", "drop"] * 2), clear),
        timed(
            "order",
            choose("sort", ["longest first", "shortest first", "most flags", "by cluster"] * 2),
            clear,
        ),
        timed("decide and draw again", decide),
        timed("first matches of a search", first_matches),
        timed("search for words to the end", search, clear, hold=SEARCH_HOLD_MS),
        timed("open Overview", lambda n: visit("overview")),
        timed("open Import", lambda n: visit("import")),
        timed("open Splits", lambda n: visit("splits")),
        timed("open Settings", lambda n: visit("settings")),
    ]


def main(rows: int = ROWS) -> int:
    """Measure; 1 when an interaction is above what it has to hold."""
    with tempfile.TemporaryDirectory() as name, build(Path(name), rows) as opened:
        lines = measure(opened)
    for line in lines:
        sys.stdout.write(json.dumps(line | {"rows": rows}) + "\n")
    return int(any(line["ms"] > line["hold"] for line in lines))  # type: ignore[operator]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
