"""How often a check was right is counted from decisions on single rows only."""

from __future__ import annotations

from curation import checks, decisions, importing
from curation.checks.precision import Judged, judged
from curation.task import Task
from tests.curation.conftest import chat, write_jsonl


def test_single_decisions_count_and_undone_or_bulk_ones_do_not(opened, tmp_path):
    rows = [{"messages": chat(f"question {i}", "I cannot help with that.")} for i in range(6)]
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
    checks.run(opened, Task(), only=["refusal"])
    assert judged(opened) == []
    decisions.decide(opened, [1], "decision", "drop", who="ann")
    decisions.decide(opened, [2], "decision", "drop", who="ann")
    decisions.decide(opened, [3], "decision", "keep", who="ann")
    assert judged(opened) == [Judged("refusal", 2, 3)]
    decisions.decide(opened, [4, 5, 6], "decision", "drop", who="ann")
    assert judged(opened) == [Judged("refusal", 2, 3)]
    decisions.undo(opened, who="ann")
    decisions.undo(opened, who="ann")
    assert judged(opened) == [Judged("refusal", 2, 2)]
