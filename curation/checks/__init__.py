"""Checks look at examples and leave flags: `CHECKS` is the list of all, `run` looks at what was not looked at yet.

A check is one file with one function under the decorator `check`, and one line here.
"""

from curation.checks.answer_copies_prompt import answer_copies_prompt
from curation.checks.answer_schema import answer_schema
from curation.checks.check import Check, Found, Rows, Severity
from curation.checks.conflicting_answers import conflicting_answers
from curation.checks.empty_turn import empty_turn
from curation.checks.label_set import label_set
from curation.checks.language import language
from curation.checks.last_turn import last_turn
from curation.checks.mojibake import mojibake
from curation.checks.pii import pii
from curation.checks.preference_pairs import preference_pairs
from curation.checks.prompt_leakage import prompt_leakage
from curation.checks.refusal import refusal
from curation.checks.refusal_share import refusal_share
from curation.checks.repetition import repetition
from curation.checks.roles import roles
from curation.checks.running import Checking
from curation.checks.secrets import secrets
from curation.checks.system_prompt_drift import system_prompt_drift
from curation.checks.template_tokens import template_tokens
from curation.checks.token_length import token_length
from curation.checks.tool_calls import tool_calls
from curation.checks.truncated import truncated
from curation.checks.unicode import unicode

__all__ = ["CHECKS", "Check", "Found", "Rows", "Severity", "announce", "active", "counts", "outdated", "run"]

CHECKS: tuple[Check, ...] = (
    roles,
    last_turn,
    tool_calls,
    preference_pairs,
    empty_turn,
    template_tokens,
    token_length,
    answer_schema,
    label_set,
    conflicting_answers,
    answer_copies_prompt,
    system_prompt_drift,
    prompt_leakage,
    refusal,
    refusal_share,
    language,
    truncated,
    repetition,
    mojibake,
    pii,
    secrets,
    unicode,
)

_checking = Checking(CHECKS)
run = _checking.run
announce = _checking.announce
active = _checking.active
outdated = _checking.outdated
counts = _checking.counts
