"""`python -m training FOLDER`: the process that trains. It never opens the project's database."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from curation.work import at_work


def main(arguments: list[str]) -> int:
    """Train the run in the one folder named; the exit code is 2 when none is."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "job.yaml").is_file():
        sys.stderr.write("usage: python -m training FOLDER (a folder with job.yaml)\n")
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns about 4-bit kernels nobody asked for
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # TRL refuses several GPUs without a launcher
    folder = Path(arguments[0]).resolve()
    with at_work(folder) as work:
        from training import methods

        work.finish(methods.carry_out(folder, work))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
