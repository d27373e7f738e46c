"""`python -m workbench`, and the command `workbench`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from curation.jobs import QUIET_THREADS

    for name, value in QUIET_THREADS.items():
        os.environ.setdefault(name, value)  # before anything loads torch
    from workbench import cli

    sys.exit(cli.run(sys.argv[1:], cli.Session(sys.stdout, sys.stderr, os.getcwd(), cli.person())))


if __name__ == "__main__":
    main()
