"""The projects of the curation tests, for the guarantees."""

from tests.curation.conftest import filled, opened

__all__ = ["filled", "opened"]
