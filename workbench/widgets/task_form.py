"""The task as a form of its most used fields."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation.task import KINDS, Task
from evals.scorers import SCORERS


def task_form(task: Task) -> dict[str, Any]:
    """The fields that most people set, as they were typed; the file has all of them."""
    kinds = list(KINDS)
    plain = [one.name for one in SCORERS if not one.diagnostic and (one.takes is None or one.takes.optional)]
    scorers = list(dict.fromkeys((*plain, task.primary_scorer)))
    with st.container(horizontal=True, gap="small"):
        kind = st.selectbox(
            "Answers are",
            kinds,
            index=kinds.index(task.kind),
            key="kind",
            width=300,
            format_func=lambda one: f"{one.replace('_', ' ')}: {KINDS[one].says}",
        )
        model = st.text_input(
            "Base model",
            task.model.name,
            key="model",
            width=260,
            help="A packaged name, a folder, or a hub name.",
        )
        template = st.text_input(
            "Chat template",
            task.model.template or "",
            key="template",
            width=180,
            placeholder="the model's own",
            help="For a base model that has none: `chatml`, which travels along, or the path of a Jinja file.",
        )
        primary = st.selectbox(
            "Judged by", scorers, index=scorers.index(task.primary_scorer), key="primary", width=200
        )
    system = st.text_area(
        "System prompt",
        task.system_prompt or "",
        key="system",
        height=90,
        help="What the served model gets, in training too. A row's own system turn wins.",
    )
    labels = st.text_area("Labels, one a line", "\n".join(task.labels), key="labels", height=120)
    with st.container(horizontal=True, gap="small"):
        worthwhile = st.number_input(
            "Worth shipping from (points)", 0.0, 99.0, 100 * task.worthwhile, 0.5, key="worthwhile", width=230
        )
        planned = st.number_input(
            "Verdicts planned on one test set", 1, 50, task.looks, key="looks", width=230
        )
        group = st.text_input(
            "Keep together by (metadata field)", task.group or "", key="group-field", width=260
        )
    model_spec = {**task.model.model_dump(exclude_none=True), "name": model, "template": template or None}
    return {
        "kind": kind,
        "model": model_spec,
        "primary": None if primary == KINDS[kind].primary_scorer else primary,
        "system_prompt": (system or "").strip() or None,
        "worthwhile": round(worthwhile / 100, 4),
        "looks": int(planned),
        "labels": [line.strip() for line in (labels or "").splitlines() if line.strip()],
        "group": (group or "").strip() or None,
    }
