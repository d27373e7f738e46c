"""`python -m evals FOLDER`: the process that evaluates. It never opens the project's database."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from curation.work import at_work


def main(arguments: list[str]) -> int:
    """Run the evaluation in the one folder named; the exit code is 2 when none is."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "job.yaml").is_file():
        sys.stderr.write("usage: python -m evals FOLDER (a folder with job.yaml)\n")
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    folder = Path(arguments[0]).resolve()
    with at_work(folder) as work:
        from evals import evaluation

        evaluation.run(folder, work)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
