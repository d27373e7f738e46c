"""Stub."""
from workbench.widgets import text


def screen() -> None:
    """Stub."""
    text.title("overview")
