"""Commands on rows: rows, decide, undo, redo, history."""

from __future__ import annotations

import json
from typing import Any

import click

from curation import decisions, filters, meaning, views
from curation.changes import Kind
from curation.errors import BadUsage
from curation.example import text_of
from curation.files import read_json
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session


@click.command("rows")
@project_argument
@click.option(
    "--where", "text", default="", metavar="FILTER", help='For example: label=refund text~"credit card".'
)
@click.option("--view", "name", metavar="NAME", help="The filter and order of a saved view instead.")
@click.option("--quarantine", is_flag=True, help="List what could not be read instead.")
@click.option("--sort", default="imported", show_default=True, help=f"One of {', '.join(filters.SORTS)}.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1))
@json_option
@click.pass_obj
def rows(
    session: Session, project: str, text: str, name: str | None, quarantine: bool, sort: str, limit: int
) -> None:
    """List the examples of a filter, or the quarantine."""
    chosen = filters.parse(text)
    with session.store(project) as store:
        if name:
            view = views.named(store, name)
            chosen, sort = filters.parse(view.filter), view.sort
        if quarantine:
            total = store.value("select count(*) from quarantine")
            found = store.dicts(
                """
                select s.name as source, q.line, q.reason, q.raw
                from quarantine q
                join source s using (source)
                order by q.source, q.line
                limit ?
                """,
                [limit],
            )
        else:
            if chosen.by_meaning and (foreign := meaning.foreign(store, meaning.embedder_of(store))):
                session.note(foreign)
            ids = filters.view(store, chosen, sort)
            total = len(ids)
            found = store.dicts(
                """
                select e.id, e.label, e.decision, e.split, e.turns, c.messages
                from unnest(?::bigint[]) with ordinality as v(seq, place)
                join example e using (seq)
                join content c using (seq)
                order by v.place
                """,
                [ids[:limit].tolist()],
            )
            for row in found:
                row["messages"] = json.loads(row["messages"])
    if quarantine:
        session.say(
            table(
                [(r["source"], r["line"], r["reason"], _short(r["raw"])) for r in found],
                ("source", "line", "reason", "raw text"),
            )
        )
    else:
        session.say(
            table(
                [
                    (
                        r["id"],
                        r["label"] or "",
                        r["decision"],
                        r["split"] or "",
                        _short(_asked(r["messages"])),
                    )
                    for r in found
                ],
                ("id", "label", "decision", "split", "last user turn"),
            )
        )
    session.say(f"{len(found):,} of {total:,}" + ("" if quarantine else f": {chosen.english}"))
    session.emit({"total": total, "rows": found})


def _asked(messages: list[dict[str, Any]]) -> str:
    """The last user turn, which tells rows of one label apart; without one, the last turn."""
    asked = [one for one in messages if one["role"] == "user"] or messages
    return text_of(asked[-1])


def _short(text: str, width: int = 70) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


KINDS = ("keep", "drop", "undecided", "label", "flag", "group", "edit")


@click.command("decide")
@project_argument
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("value", required=False)
@click.option("--where", "text", metavar="FILTER", help="On every example of this filter.")
@click.option("--ids", metavar="ID,ID...", help="On these examples.")
@click.option("--duplicates", is_flag=True, help="On the copies that dedup proposes to drop.")
@click.option("--reason", help="Kept with the decision.")
@click.option("--dry-run", is_flag=True, help="Say what it would touch and change nothing.")
@json_option
@click.pass_obj
def decide(
    session: Session,
    project: str,
    kind: str,
    value: str | None,
    text: str | None,
    ids: str | None,
    duplicates: bool,
    reason: str | None,
    dry_run: bool,
) -> None:
    """Keep, drop, label, flag, group or edit examples; one undo takes it all back.

    VALUE is the label, the flag's reason, the group, or for edit a JSON file with the new messages.
    """
    if (text is not None) + (ids is not None) + duplicates != 1:
        raise BadUsage("Say which examples: --where FILTER, --ids ID,ID or --duplicates.")
    if kind in ("label", "flag", "group", "edit") and value is None:
        raise BadUsage(f"{kind} needs a value.", hint=f"workbench decide {project} {kind} VALUE --ids ID")
    with session.store(project) as store:
        if ids is not None:
            chosen = decisions.find(store, ids.split(","))
        elif duplicates:
            chosen = [seq for (seq,) in store.rows("select seq from duplicate where proposed")]
        else:
            chosen = filters.view(store, filters.parse(text or "")).tolist()
        frozen = store.value(
            "select count(*) from example where seq in (select unnest(?::bigint[])) and frozen "
            "and split = 'test'",
            [chosen],
        )
        if dry_run:
            session.say(
                f"{kind} would touch {len(chosen):,} examples; {frozen:,} of them are in a frozen test set."
            )
            session.emit({"would_touch": len(chosen), "frozen_test": frozen})
            return
        field, new = _meaning(session, kind, value)
        done = decisions.decide(store, chosen, field, new, who=session.who, reason=reason)
    changed = done.changed if done else 0
    session.say(
        f"{done.summary}. Take it back with: workbench undo {project}" if done else "Nothing changed."
    )
    session.emit({"changed": changed, "batch": done.batch if done else None, "frozen_test": frozen})


def _meaning(session: Session, kind: str, value: str | None) -> tuple[Kind, object]:
    """The field and the value that a word on the command line stands for."""
    if kind in decisions.DECISIONS:
        return "decision", kind
    if kind == "label":
        return "label", value
    if kind == "flag":
        return "hand_flag", value
    if kind == "group":
        return "group_key", value
    edited = read_json(session.path(value or ""))
    return "messages", edited.get("messages") if isinstance(edited, dict) else edited


@click.command("undo")
@project_argument
@json_option
@click.pass_obj
def undo(session: Session, project: str) -> None:
    """Take the newest action back, whatever it was."""
    with session.store(project) as store:
        _told(session, decisions.undo(store, who=session.who), "There is nothing to undo.")


@click.command("redo")
@project_argument
@json_option
@click.pass_obj
def redo(session: Session, project: str) -> None:
    """Do again what was undone last."""
    with session.store(project) as store:
        _told(session, decisions.redo(store, who=session.who), "There is nothing to redo.")


def _told(session: Session, done: decisions.Batch | None, nothing: str) -> None:
    session.say(f"{done.summary} ({done.changed:,} changed)" if done else nothing)
    session.emit({"changed": done.changed if done else 0, "summary": done.summary if done else None})


@click.command("history")
@project_argument
@click.argument("example", metavar="[ID]", required=False)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1))
@json_option
@click.pass_obj
def history(session: Session, project: str, example: str | None, limit: int) -> None:
    """Show who decided what: of the project, or of one example."""
    with session.store(project) as store:
        if example:
            found = decisions.history(store, decisions.find(store, [example])[0])[:limit]
            session.say(
                table(
                    [
                        (
                            f"{c.made:%Y-%m-%d %H:%M}",
                            c.who,
                            c.kind,
                            _short(str(c.before), 30),
                            _short(str(c.after), 30),
                            c.reason or "",
                        )
                        for c in found
                    ],
                    ("when (UTC)", "who", "what", "before", "after", "reason"),
                )
            )
            session.emit(
                {
                    "changes": [
                        {
                            "made": str(c.made),
                            "who": c.who,
                            "kind": c.kind,
                            "before": c.before,
                            "after": c.after,
                            "reason": c.reason,
                            "direction": c.direction,
                        }
                        for c in found
                    ]
                }
            )
            return
        batches = decisions.recent(store, limit)
    session.say(
        table(
            [(f"{b.made:%Y-%m-%d %H:%M}", b.who, b.summary, b.changed) for b in batches],
            ("when (UTC)", "who", "what", "changed"),
        )
    )
    session.emit(
        {
            "batches": [
                {
                    "batch": b.batch,
                    "made": str(b.made),
                    "who": b.who,
                    "summary": b.summary,
                    "changed": b.changed,
                }
                for b in batches
            ]
        }
    )


COMMANDS = (rows, decide, undo, redo, history)
