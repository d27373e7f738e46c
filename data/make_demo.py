"""Writes data/demo: support mail of a made-up company with defects planted on purpose, and the truth about them.

Everything comes from one seed: `python data/make_demo.py` rewrites the same bytes, on any machine.
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.dont_write_bytecode = True  # the whole folder travels in the wheel

from demo_defects import IN_PLACE, copy_of, readable_as_cp1252  # noqa: E402
from demo_messages import Desk, Ticket, normalise  # noqa: E402

SEED = 20260101
CLEAN_SINGLE = 1085
CLEAN_MULTI = 49
UNREADABLE = {60: "cut off", 141: "blank", 250: "no colon", 333: "not JSON"}
FILES = ("tickets_2026-01.jsonl", "tickets_2026-02.jsonl", "tickets_2026-03.jsonl")
PLAN = {
    "exact_duplicate": 18,
    "near_duplicate": 36,
    "conflicting_answer": 12,
    "wrong_label": 46,
    "broken_json": 10,
    "wrong_keys": 8,
    "outside_enum": 8,
    "empty_answer": 6,
    "truncated_answer": 8,
    "fenced_answer": 8,
    "mojibake": 9,
    "pii": 14,
    "refusal": 8,
    "leaked_prompt": 6,
    "wrong_language": 6,
    "role_error": 10,
}


def plant(rng: random.Random, tickets: list[Ticket]) -> list[Ticket]:
    """The defective rows: some of `tickets` spoilt in place, and the copies to be added."""
    pool = [t for t in tickets if len(t.messages) == 3]
    rng.shuffle(pool)
    fits: dict[str, Callable[[Ticket], bool]] = {
        "mojibake": lambda t: readable_as_cp1252(t.messages[1]["content"]),
        "wrong_language": lambda t: t.language == "en",
        "near_duplicate": lambda t: len(normalise(t.messages[1]["content"]).split()) >= 12,
    }
    copies: list[Ticket] = []
    for kind in (*IN_PLACE, "near_duplicate", "exact_duplicate", "conflicting_answer"):
        for _ in range(PLAN[kind]):
            ticket = next(t for t in pool if kind not in fits or fits[kind](t))
            pool.remove(ticket)
            if kind in IN_PLACE:
                ticket.defect, ticket.detail = kind, IN_PLACE[kind](rng, ticket)
            else:
                copies.append(copy_of(rng, ticket, kind))
    return copies


def arrange(rng: random.Random, tickets: list[Ticket], copies: list[Ticket]) -> list[Ticket]:
    """Shuffles; a copy comes somewhere after its original."""
    rng.shuffle(tickets)
    order = list(tickets)
    for copy in copies:
        after = next(i for i, t in enumerate(order) if t is copy.original)
        order.insert(rng.randint(after + 1, len(order)), copy)
    customers = [f"C-{rng.randint(1000, 9999)}" for _ in range(len(order) * 3 // 4)]
    for number, ticket in enumerate(order):
        ticket.customer = customers[number] if number < len(customers) else rng.choice(customers)
    return order


def as_row(rng: random.Random, ticket: Ticket, number: int, at: datetime) -> str:
    """One line of an export."""
    row = {
        "ticket": f"T-{100200 + number}",
        "created": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "channel": rng.choice(("mail", "mail", "chat", "form")),
        "agent": rng.choice(("kim", "amara", "joost", "li", "sofia")),
        "customer": ticket.customer,
        "messages": ticket.messages,
    }
    return json.dumps(row, ensure_ascii=False)


def spoilt(line: str, at: int) -> tuple[str, str]:
    """What stands in the way of a reader at this place, and why it cannot be read."""
    reason = UNREADABLE[at]
    colon = line.replace('"messages": ', '"messages" ')
    lines = {"cut off": line[:-2], "blank": "", "no colon": colon, "not JSON": "<!-- page 9 -->"}
    return lines[reason], reason


def write_files(rng: random.Random, order: list[Ticket], folder: Path) -> list[dict[str, Any]]:
    """Writes the three exports; returns the lines no reader can turn into a row."""
    share = len(order) // 3
    chunks = (order[:share], order[share : 2 * share], order[2 * share :])
    unreadable: list[dict[str, Any]] = []
    number = 0
    for month, (name, chunk) in enumerate(zip(FILES, chunks, strict=True), start=1):
        at = datetime(2026, month, 1, 7)  # noqa: DTZ001 (a made-up clock)
        out: list[str] = []
        for ticket in chunk:
            number += 1
            at += timedelta(seconds=rng.randint(600, 9000))
            line = as_row(rng, ticket, number, at)
            if month == 3 and len(out) in UNREADABLE:
                bad, reason = spoilt(line, len(out))
                out.append(bad)
                unreadable.append({"file": name, "line": len(out), "reason": reason})
            out.append(line)
            ticket.place = (name, len(out))
        text = "\n".join(out) + "\n"
        if month == 3:
            unreadable.append(
                {"file": name, "line": len(out) + 1, "reason": "cut off at the end of the file"}
            )
            text += as_row(rng, order[5], number + 1, at)[:170]
        (folder / name).write_bytes((b"\xef\xbb\xbf" if month == 2 else b"") + text.encode("utf-8"))
    return unreadable


def truth(order: list[Ticket], unreadable: list[dict[str, Any]]) -> dict[str, Any]:
    """What was planted where; places are known only once the files are written."""
    planted: list[dict[str, Any]] = []
    for ticket in order:
        if ticket.defect:
            entry: dict[str, Any] = {"file": ticket.place[0], "line": ticket.place[1], "kind": ticket.defect}
            entry["detail"] = ticket.detail
            if ticket.original:
                entry["original"] = {"file": ticket.original.place[0], "line": ticket.original.place[1]}
            if ticket.right:
                entry["right"] = ticket.right
            planted.append(entry)
    return {
        "rows": len(order),
        "counts": dict(sorted(Counter(t.defect for t in order if t.defect).items())),
        "unreadable": unreadable,
        "planted": planted,
    }


def main() -> None:
    """Write everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path(__file__).parent / "demo", help="folder to write to")
    folder: Path = parser.parse_args().to
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)  # noqa: S311 (not for secrets)
    desk = Desk(rng)
    tickets = [desk.single() for _ in range(CLEAN_SINGLE)] + [desk.multi() for _ in range(CLEAN_MULTI)]
    order = arrange(rng, tickets, plant(rng, tickets))
    unreadable = write_files(rng, order, folder)
    known = truth(order, unreadable)
    entries = ",\n".join("  " + json.dumps(entry, ensure_ascii=False) for entry in known.pop("planted"))
    head = json.dumps(known, ensure_ascii=False, indent=1)
    (folder / "truth.json").write_bytes(f'{head[:-2]},\n "planted": [\n{entries}\n ]\n}}\n'.encode())


if __name__ == "__main__":
    main()
