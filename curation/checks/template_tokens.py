"""Check: marks of a chat template inside a text."""

from __future__ import annotations

import re

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings

_MARKS = (
    r"<\|(?:im_start|im_end|im_sep|endoftext|begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id"
    r"|system|user|assistant|end|start|channel|return)\|>"
    r"|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>"
    r"|(?m:^### (?:Instruction|Response|Input):)"
    r"|\n(?:Human|Assistant):"
)


@check("template_tokens", "Template marks in a text", "block")
def template_tokens(rows: Rows) -> pa.Table:
    """Finds: marks that chat templates write between turns, inside the text of a turn.

    Why it hurts training: the tokenizer reads them as the end of the turn or the start of another, so that the
    model learns to break off, or to speak for the user.

    False alarms: texts about language models that quote such marks.

    How to fix: take the mark out; where a whole rendered chat is in one text, import it as turns.

    Example: Turn 2 contains "<|im_end|>": a template would read it as the end of the turn.
    """
    pattern = re.compile(_MARKS)
    found = []
    for seq, turn, _, text in rows.turns(_MARKS):
        match = pattern.search(text)
        if match:
            start = match.start() + (match.group()[0] == "\n")
            mark = match.group().strip()
            message = f'Turn {turn + 1} contains "{mark}": a template would read it as the border of a turn.'
            found.append(Found(seq, "block", turn, start, match.end(), message))
    return findings(found)
