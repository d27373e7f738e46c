"""Every key there is, screen by screen."""

from __future__ import annotations

from workbench.widgets.table import table

_KEYS = (
    ("Review", "j k, arrows", "next and previous row"),
    ("Review", "a, d, x", "keep, drop, back to undecided"),
    ("Review", "f, l", "flag with a reason (later is one), set the label"),
    ("Review", "e, E", "edit the last answer, edit all turns as JSON"),
    ("Review", "h, i", "history of the row, guideline"),
    ("Review", "u, U", "undo, redo"),
    ("Review", "g, /, ?", "jump to a row, search, this list"),
    ("Review", "Ctrl+Enter, Esc", "save an edit, leave it"),
    ("Evals", "j k, arrows", "next and previous row"),
    ("Evals", "1 to 4", "lost, won, both wrong, both right"),
    ("Evals", "d, n", "mark against the baseline or the expected answer, note"),
    ("Evals", "t", "find the training rows behind the row"),
    ("Evals, blind", "1 to 4, u", "judge, take back"),
)


def keyboard() -> None:
    """Draw the list."""
    table(
        [{"where": where, "keys": keys, "does": does} for where, keys, does in _KEYS],
        [("where", "Screen"), ("keys", "Keys"), ("does", "What they do")],
    )
