"""A task in a few lines: what a model is asked to do, and how its answers are judged."""

from __future__ import annotations

import json
from html import escape

import streamlit as st

from curation.task import Task


def task_card(task: Task) -> None:
    """Draw what matters of a task; everything in it is escaped."""
    lines = [
        ("Answers are", task.traits.says),
        ("Base model", task.model.name),
        ("Judged by", task.primary_scorer),
    ]
    if task.labels:
        shown = ", ".join(task.labels[:24]) + (
            f" and {len(task.labels) - 24} more" if len(task.labels) > 24 else ""
        )
        lines.append((f"{len(task.labels)} labels", shown))
    if task.output_schema:
        properties = task.output_schema.get("properties", {})
        lines.append(("Fields", ", ".join(f"{name} ({_type(rule)})" for name, rule in properties.items())))
    if task.system_prompt:
        lines.append(("System prompt", task.system_prompt))
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in lines)
    st.html(f'<table class="ts-card">{cells}</table>')


def _type(rule: object) -> str:
    if not isinstance(rule, dict):
        return "any"
    if "enum" in rule:
        values = [json.dumps(value, ensure_ascii=False).strip('"') for value in rule["enum"]]
        return "one of " + ", ".join(values[:8]) + (" …" if len(values) > 8 else "")
    kind = rule.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
