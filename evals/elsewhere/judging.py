"""The verdict on answers from elsewhere, and its page: the rule, words and figures of a project's verdict."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace

from curation.files import sha256_file
from evals import page, wording
from evals.compare import Quadrant, Row
from evals.elsewhere.pairing import Pair
from evals.page import Fact, Listed, Page, Scored
from evals.report import ROWS, TONES
from evals.significance import wilson
from evals.summary import normal
from evals.verdict import Verdict, judge_given

_KINDS: tuple[Quadrant, Quadrant] = ("lost", "won")


def judge(pair: Pair) -> Verdict:
    """The verdict on the candidate of a pair; rows that only one side holds are named in it."""
    found = judge_given(pair.case)
    alone = len(pair.only_base) + len(pair.only_candidate)
    if not alone:
        return found
    both = len(pair.rows) if pair.common else len(pair.rows) - alone
    told = wording.unpaired(
        len(pair.only_base), pair.base.name, len(pair.only_candidate), pair.candidate.name
    )
    ends = wording.left_out() if pair.common else wording.counted_missing(both)
    return replace(found, sentences=(*found.sentences, f"{told} {ends}"))


def page_of(pair: Pair, found: Verdict, command: str, *, rows: int = ROWS) -> Page:
    """The page of a comparison.

    Args:
        pair: what was compared.
        found: its verdict.
        command: the command line that gives it again.
        rows: how many rows that changed hands are shown.
    """
    shown = found.verdict != "withheld"
    return Page(
        kicker="Touchstone \u00b7 comparison of answers from elsewhere",
        title=f"{found.candidate} against {pair.base.name}",
        candidate=found.candidate,
        headline=found.headline,
        sentences=found.sentences,
        tone=TONES[found.verdict],
        facts=(
            Fact("Candidate", _from(pair, "candidate")),
            Fact("Baseline", _from(pair, "base")),
            Fact("Rows", f"{len(pair.rows):,} compared"),
            Fact("Right means", pair.scorer),
            Fact("Worth it from", f"{wording.setting(found.worthwhile)} points"),
        ),
        scorers=(("Score" if pair.case.held.graded else "Right"),) if shown else (),
        scored=_scored(pair) if shown else (),
        comparisons=found.comparisons,
        worthwhile=found.worthwhile,
        confidence=found.confidence,
        checks=found.checks,
        rows=_rows(pair, rows) if shown else (),
        listed=(*(_listed(pair) if shown else ()), *_unpaired(pair)),
        origin=(
            Fact(
                "Candidate's file",
                f"{pair.candidate.source.name}, SHA-256 {sha256_file(pair.candidate.source)}",
            ),
            Fact("Baseline's file", f"{pair.base.source.name}, SHA-256 {sha256_file(pair.base.source)}"),
            Fact("Answers", f"fingerprint {found.answers_fingerprint}"),
            Fact("Page", f"touchstone {importlib.metadata.version('touchstone-workbench')}"),
        ),
        commands=(command,),
    )


def _from(pair: Pair, side: str) -> str:
    sheet = pair.candidate if side == "candidate" else pair.base
    form = "rows" if sheet.form == "rows" else f"an export of {sheet.form}"
    return f"{sheet.name}: {len(sheet.rows):,} answers, {form} in {sheet.source.name}"


def _scored(pair: Pair) -> tuple[Scored, ...]:
    """How often each was right among its judged answers."""
    held, found = pair.case.held, []
    for name, column in held.outcomes.items():
        known = [one.value for one in column if one is not None and one.value is not None]
        missing, cut = len(column) - len(known), sum(held.cut(name))
        parts = ((missing, "missing"), (cut, "cut at the token limit"))
        score = page.Score(None, None, None)
        if known:
            mean = sum(known) / len(known)
            ends = normal(known, mean) if held.graded else wilson(sum(known), len(known))
            score = page.Score(mean, *ends)
        note = ", ".join(f"{n:,} {what}" for n, what in parts if n)
        found.append(Scored(name, (score,), note, name == pair.candidate.name))
    return tuple(found)


def _changed(pair: Pair, kind: Quadrant) -> list[Row]:
    return [row for row in pair.rows if row.quadrant == kind]


def _answered(pair: Pair) -> bool:
    """Whether there is anything to read: files of scores alone have no answers."""
    return any(row.candidate.answer or row.baseline.answer for row in pair.rows)


def _rows(pair: Pair, most: int) -> tuple[page.Rows, ...]:
    """The rows that changed hands, lost ones first."""
    lost, won = _changed(pair, "lost"), _changed(pair, "won")
    graded = pair.case.held.graded
    some = page.pick(len(lost), len(won), most) if _answered(pair) else (0, 0)
    return tuple(
        page.rows_of(kind, rows[:n], len(rows), pair.candidate.name, pair.base.name, graded=graded)
        for kind, rows, n in zip(_KINDS, (lost, won), some, strict=True)
        if n
    )


def _listed(pair: Pair) -> tuple[Listed, ...]:
    """The ids that changed hands, where there are no answers to show."""
    if _answered(pair):
        return ()
    found = [(kind, tuple(row.id for row in _changed(pair, kind))) for kind in _KINDS]
    names, graded = (pair.candidate.name, pair.base.name), pair.case.held.graded
    return tuple(Listed(*page.heading(kind, *names, graded=graded), ids) for kind, ids in found if ids)


def _unpaired(pair: Pair) -> tuple[Listed, ...]:
    sides = ((pair.base.name, pair.only_base), (pair.candidate.name, pair.only_candidate))
    return tuple(Listed("Not paired", f"only in {name}", ids) for name, ids in sides if ids)
