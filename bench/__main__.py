"""`make bench`: every speed claim as a ratio against a named reference in the same run; 1 when one is missed."""

from __future__ import annotations

import sys

from bench import dedup, importing, labels, screens

if __name__ == "__main__":
    sys.exit(max(importing.main(), dedup.main(), labels.main(), screens.main()))
