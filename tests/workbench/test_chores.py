"""Work inside the app: one piece at a time, stoppable, and every ending is told."""

from __future__ import annotations

import threading
import time

import pytest

from curation.errors import BadInput, ProjectBusy, Stopped
from workbench import chores


def ended(chore):
    while not chore.ended:
        time.sleep(0.01)
    return chore


def test_a_result_waits_under_its_name():
    chore = ended(chores.start("add", "Adding", lambda progress: 2 + 2))
    assert chores.finished("add") is chore and chore.result == 4
    assert chores.finished("other") is None and chores.running() is None


def test_a_second_piece_is_refused_while_the_first_is_at_work():
    go = threading.Event()
    chore = chores.start("wait", "Waiting", lambda progress: go.wait(10))
    with pytest.raises(ProjectBusy, match="Waiting"):
        chores.start("add", "Adding", lambda progress: 1)
    assert chores.running() is chore
    go.set()
    ended(chore)


def test_a_stop_ends_it_at_the_next_step():
    def work(progress):
        progress.stage("Counting", 100)
        while True:
            progress.advance()
            time.sleep(0.001)

    chore = chores.start("count", "Counting", work)
    chore.stopping = True
    assert isinstance(ended(chore).error, Stopped)


def test_an_expected_error_is_kept_and_any_other_becomes_one():
    def expected(progress):
        raise BadInput("no such column")

    assert ended(chores.start("a", "A", expected)).error.message == "no such column"
    wrong = ended(chores.start("b", "B", lambda progress: 1 / 0)).error
    assert "ZeroDivisionError" in wrong.message
