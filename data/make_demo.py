"""Writes data/demo: support mail of a made-up company with defects planted on purpose, and the truth about them.

Everything comes from one seed: `python data/make_demo.py` rewrites the same bytes, on any machine.
"""

import argparse
import json
import random
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import demo_phrases as say

SEED = 20260101
CLEAN_SINGLE = 1000
CLEAN_MULTI = 44
SYSTEM = "Nordwick support desk. Answer with the ticket for the last message as one line of JSON."
INTENTS = tuple(say.WORDINGS)
PRODUCTS = tuple(say.PRODUCTS)
# Character 5-gram overlap above which two of our own texts would count as near copies, minus a margin.
TOO_CLOSE = 0.58
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


@dataclass(slots=True)
class Ticket:
    """One row while it is being made: its chat, what is right, and what was done to it."""

    messages: list[dict[str, str]]
    answer: dict[str, str | None]
    language: str
    customer: str = ""
    defect: str = ""
    detail: str = ""
    right: dict[str, str | None] | None = None
    original: "Ticket | None" = None
    place: tuple[str, int] = ("", 0)
    extra: dict[str, Any] = field(default_factory=dict)


def house_priority(intent: str, *, safety: bool, repeat: bool) -> str:
    """The convention a prompt cannot guess; data/README.md says it in words."""
    if safety or intent == "access_problem":
        return "urgent"
    if repeat or intent in ("billing_error", "cancel_order"):
        return "high"
    return "low" if intent in ("invoice_copy", "product_question") else "normal"


def ticket_line(answer: dict[str, str | None]) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def normalise(text: str) -> str:
    return re.sub(r"\W+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def grams(text: str) -> frozenset[str]:
    text = normalise(text)
    return frozenset(text[i : i + 5] for i in range(max(1, len(text) - 4)))


def overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b)


# --- what a customer writes -------------------------------------------------------------------


def name_of(rng: random.Random, intent: str, product: str | None, language: str) -> str:
    if product is None:
        return rng.choice(say.WORDINGS[intent].general if language == "en" else say.GENERAL_ABROAD[language])
    noun = rng.choice(say.PRODUCTS[product][language])
    return noun if language != "en" else rng.choice(("the ", "my ", "the ", "our ")) + noun


def written_order(rng: random.Random, order: str) -> str:
    digits = order.removeprefix("NW-")
    return rng.choice((order, order, digits, digits, f"#{digits}", order.lower(), f"NW{digits}"))


def sentence(rng: random.Random, text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".,!?)" else text + rng.choice((".", ".", "!", "..."))


def compose(
    rng: random.Random, intent: str, product: str | None, order: str | None, language: str
) -> tuple[str, str]:
    """One message and the priority the house gives it."""
    words = say.WORDINGS[intent]
    english = language == "en"
    openings = words.openings if english else say.ABROAD[intent][language]
    parts = [rng.choice(openings).replace("{p}", name_of(rng, intent, product, language))]
    size = rng.choices(("short", "medium", "long"), (3, 5, 3))[0]
    if english and size != "short":
        parts.append(rng.choice(words.details))
    if english and (size == "long" or rng.random() < 0.15):
        parts.append(rng.choice(words.asks))
    if english and rng.random() < 0.14:
        parts.insert(rng.randint(0, len(parts)), rng.choice(say.MOODS))
    risky = intent in ("device_fault", "damaged_item", "return_item", "setup_help")
    safety, repeat = risky and rng.random() < 0.24, rng.random() < 0.10
    if safety:
        parts.insert(rng.randint(1, len(parts)), rng.choice(say.SAFETY if english else say.SAFETY_ABROAD[language]))
    if repeat:
        parts.insert(rng.randint(0, len(parts)), rng.choice(say.REPEAT if english else say.REPEAT_ABROAD[language]))
    if order:
        phrase = rng.choice(say.ORDER_SENTENCES[language]).replace("{o}", written_order(rng, order))
        parts.insert(rng.randint(1, len(parts)), phrase)
    if size == "long" or rng.random() < 0.15:
        parts.insert(0, rng.choice(say.GREETINGS if english else say.GREETINGS_ABROAD[language]))
    parts = [sentence(rng, part) for part in parts]
    if size == "long" or rng.random() < (0.1 if english else 0.5):
        parts.append(rng.choice(say.SIGN_OFFS if english else say.ENDINGS_ABROAD[language]))
    text = rng.choice((" ", " ", " ", "\n")).join(parts)
    return rough(rng, text), house_priority(intent, safety=safety, repeat=repeat)


def rough(rng: random.Random, text: str) -> str:
    """Typing habits: slips, no capitals, no punctuation, shouting."""
    if rng.random() < 0.25:
        for _ in range(rng.randint(1, 2)):
            text = slip(rng, text)
    habit = rng.random()
    if habit < 0.22:
        text = text.lower()
    if 0.14 < habit < 0.28:
        text = re.sub(r"[.,!?;:'\"()]+", "", text)
    return text.upper() if habit > 0.98 else text


def slip(rng: random.Random, text: str) -> str:
    """One typing slip inside one word of at least five letters."""
    words = [m for m in re.finditer(r"[A-Za-z]{5,}", text)]
    if not words:
        return text
    word = rng.choice(words)
    at = rng.randint(word.start() + 1, word.end() - 3)
    kinds = (text[at + 1] + text[at], text[at], text[at] + text[at] + text[at + 1])
    return text[:at] + rng.choice(kinds) + text[at + 2 :]


# --- clean rows -------------------------------------------------------------------------------


def chat(*turns: str) -> list[dict[str, str]]:
    """A conversation under the system prompt; turns alternate, the customer first."""
    roles = ("user", "assistant")
    body = [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]
    return [{"role": "system", "content": SYSTEM}, *body]


def new_order(rng: random.Random, intent: str) -> str | None:
    share = {"product_question": 0.0, "setup_help": 0.2, "access_problem": 0.15, "device_fault": 0.35}
    return f"NW-{rng.randint(10000, 99999)}" if rng.random() < share.get(intent, 0.65) else None


class Desk:
    """Hands out tickets whose texts are all well apart from each other."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.seen: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {intent: [] for intent in INTENTS}
        self.turn = 0

    def one(self, messages: list[dict[str, str]], answer: dict[str, str | None], language: str) -> Ticket | None:
        users = grams("\n".join(m["content"] for m in messages if m["role"] == "user"))
        whole = grams("\n".join(m["content"] for m in messages[1:]))
        known = self.seen[str(answer["intent"])]
        if any(overlap(users, u) > TOO_CLOSE or overlap(whole, w) > TOO_CLOSE + 0.08 for u, w in known):
            return None
        known.append((users, whole))
        return Ticket(messages, answer, language)

    def draw(self) -> tuple[str, str | None, str | None, str]:
        self.turn += 1
        intent = INTENTS[self.turn % len(INTENTS)] if self.rng.random() < 0.9 else self.rng.choice(INTENTS[:4])
        product = self.rng.choice((None, None, *PRODUCTS))
        language = self.rng.choices(("en", "de", "es", "fr"), (91, 4, 3, 2))[0]
        return intent, product, new_order(self.rng, intent), language

    def single(self) -> Ticket:
        """A message and its ticket."""
        while True:
            intent, product, order, language = self.draw()
            text, priority = compose(self.rng, intent, product, order, language)
            answer = {"intent": intent, "priority": priority, "product": product, "order_id": order}
            if ticket := self.one(chat(text, ticket_line(answer)), answer, language):
                return ticket

    def multi(self) -> Ticket:
        """An earlier exchange, then another message: what it leaves open is carried over."""
        while True:
            intent, product, order, _ = self.draw()
            text, priority = compose(self.rng, intent, product, None, "en")
            first = {"intent": intent, "priority": priority, "product": product, "order_id": None}
            if self.rng.random() < 0.5:
                order = order or f"NW-{self.rng.randint(10000, 99999)}"
                phrase = self.rng.choice(say.ORDER_SENTENCES["en"]).replace("{o}", written_order(self.rng, order))
                later, last = sentence(self.rng, phrase), {**first, "order_id": order}
            else:
                other = self.rng.choice([name for name in INTENTS if name != intent])
                named = self.rng.choice((None, *PRODUCTS)) if product is None else None
                text2, priority2 = compose(self.rng, other, named or product, order, "en")
                later = f"{self.rng.choice(say.FOLLOW_UPS)} {text2}"
                last = {"intent": other, "priority": priority2, "product": named or product, "order_id": order}
            messages = chat(text, ticket_line(first), later, ticket_line(last))
            if ticket := self.one(messages, last, "en"):
                return ticket


# --- defects ----------------------------------------------------------------------------------


def answer_with(ticket: Ticket, text: str) -> None:
    ticket.messages[-1]["content"] = text


def wrong_label(rng: random.Random, ticket: Ticket) -> str:
    wrong = rng.choice([name for name in INTENTS if name != ticket.answer["intent"]])
    ticket.right = dict(ticket.answer)
    answer_with(ticket, ticket_line({**ticket.answer, "intent": wrong}))
    return f"intent {wrong}, right is {ticket.answer['intent']}"


def broken_json(rng: random.Random, ticket: Ticket) -> str:
    line = ticket_line(ticket.answer)
    kinds = {
        "single quotes": line.replace('"', "'"),
        "trailing comma": line[:-1] + ",}",
        "missing comma": line.replace(",", " ", 1),
        "unquoted keys": re.sub(r'"(\w+)":', r"\1:", line),
        "Python None": line.replace("null", "None") if "null" in line else line.replace(":", "=", 1),
    }
    kind = rng.choice(sorted(kinds))
    answer_with(ticket, kinds[kind])
    return kind


def wrong_keys(rng: random.Random, ticket: Ticket) -> str:
    old, new = rng.choice((("intent", "category"), ("order_id", "order"), ("product", ""), ("priority", "prio")))
    answer = {new if key == old else key: value for key, value in ticket.answer.items() if key != old or new}
    answer_with(ticket, ticket_line(answer))
    return f"{old} became {new}" if new else f"{old} is missing"


def outside_enum(rng: random.Random, ticket: Ticket) -> str:
    key, value = rng.choice(
        (("priority", "critical"), ("priority", "medium"), ("intent", "complaint"), ("product", "Scooter"))
    )
    answer_with(ticket, ticket_line({**ticket.answer, key: value}))
    return f"{key} {value}"


def empty_answer(rng: random.Random, ticket: Ticket) -> str:
    answer_with(ticket, rng.choice(("", " ", "\n")))
    return "nothing but white space"


def truncated_answer(rng: random.Random, ticket: Ticket) -> str:
    line = ticket_line(ticket.answer)
    cut = rng.randint(len(line) // 3, len(line) - 4)
    answer_with(ticket, line[:cut])
    return f"cut after {cut} characters"


def fenced_answer(rng: random.Random, ticket: Ticket) -> str:
    del rng
    answer_with(ticket, f"```json\n{ticket_line(ticket.answer)}\n```")
    return "right, but in a code fence"


def mojibake(rng: random.Random, ticket: Ticket) -> str:
    del rng
    turn = ticket.messages[1]
    turn["content"] = turn["content"].encode("utf-8").decode("cp1252")
    return "UTF-8 read as Windows-1252"


def luhn_number(rng: random.Random) -> str:
    """A number in a range kept for tests (4000 00) whose check digit is right."""
    digits = [4, 0, 0, 0, 0, 0, *(rng.randint(0, 9) for _ in range(9))]
    doubled = [d * 2 - 9 * (d > 4) if i % 2 == 0 else d for i, d in enumerate(digits)]
    digits.append(-sum(doubled) % 10)
    text = "".join(map(str, digits))
    return " ".join(text[i : i + 4] for i in range(0, 16, 4))


def pii(rng: random.Random, ticket: Ticket) -> str:
    # Phone numbers: ranges Ofcom and the Bundesnetzagentur keep for films. The mail domains are made up.
    person = rng.choice(("marta.holt", "j.okafor", "lena-vogt", "tomas.reyes", "p.lindqvist"))
    domain = rng.choice(("brackenfold-post.com", "tallowmere.co.uk", "hafenpost-nord.de"))
    kinds = {
        "email": f"You can reach me at {person}{rng.randint(2, 99)}@{domain}.",
        "phone": rng.choice(
            (f"Call me on +44 20 7946 0{rng.randint(100, 999)}.", f"My number is +49 30 23125 {rng.randint(100, 999)}.")
        ),
        "card": f"I paid with card {luhn_number(rng)}.",
        "iban": "Please refund to DE89 3704 0044 0532 0130 00.",
    }
    kind = rng.choices(sorted(kinds), (4, 5, 1, 4))[0]
    ticket.messages[1]["content"] += " " + kinds[kind]
    return kind


def refusal(rng: random.Random, ticket: Ticket) -> str:
    answer_with(ticket, rng.choice(REFUSALS))
    return "refuses instead of filing the ticket"


def leaked_prompt(rng: random.Random, ticket: Ticket) -> str:
    line = ticket_line(ticket.answer)
    answer_with(ticket, rng.choice((f"{SYSTEM}\n{line}", f"{SYSTEM} {line}", f"System: {SYSTEM}\n\n{line}")))
    return "the answer repeats the system prompt"


def wrong_language(rng: random.Random, ticket: Ticket) -> str:
    language, text = rng.choice(FOREIGN_ANSWERS)
    answer_with(ticket, text)
    return f"answered in {language}"


def role_error(rng: random.Random, ticket: Ticket) -> str:
    kind = rng.choice(("unknown role", "two user turns in a row", "ends with a user turn"))
    if kind == "unknown role":
        turn, role = rng.choice(((1, "customer"), (2, "bot"), (2, "agent")))
        ticket.messages[turn]["role"] = role
        return f"unknown role {role}"
    if kind == "two user turns in a row":
        ticket.messages.insert(1, {"role": "user", "content": rng.choice(("Hello?", "Anyone there?", "Hi again"))})
        return kind
    ticket.messages.append({"role": "user", "content": rng.choice(("Thanks!", "Ok, thank you", "Great."))})
    return kind


REFUSALS = (
    "I'm sorry, but as an AI language model I cannot access order information.",
    "I'm sorry, but I can't help with that request.",
    "As an AI assistant, I am unable to process support tickets.",
    "I cannot assist with this. Please contact customer service.",
    "Unfortunately, I'm not able to provide help with individual orders.",
)
FOREIGN_ANSWERS = (
    ("German", "Vielen Dank für Ihre Nachricht, wir kümmern uns so schnell wie möglich um Ihr Anliegen."),
    ("German", "Das Ticket wurde angelegt, ein Kollege meldet sich morgen bei Ihnen."),
    ("Spanish", "Gracias por su mensaje, hemos creado un caso y le responderemos mañana."),
    ("French", "Merci pour votre message, nous avons ouvert un dossier et revenons vers vous demain."),
    ("Italian", "Grazie per il messaggio, abbiamo aperto una pratica e la richiameremo domani."),
)
IN_PLACE: dict[str, Callable[[random.Random, Ticket], str]] = {
    "mojibake": mojibake,
    "wrong_language": wrong_language,
    "wrong_label": wrong_label,
    "broken_json": broken_json,
    "wrong_keys": wrong_keys,
    "outside_enum": outside_enum,
    "empty_answer": empty_answer,
    "truncated_answer": truncated_answer,
    "fenced_answer": fenced_answer,
    "pii": pii,
    "refusal": refusal,
    "leaked_prompt": leaked_prompt,
    "role_error": role_error,
}


def reworded(rng: random.Random, text: str) -> str | None:
    """The text with a few slips or small words changed, still a near copy by both measures used."""
    changed = text
    for _ in range(40):
        candidate = rng.choice(
            (
                slip(rng, changed),
                changed + rng.choice((" Thanks!", " pls", " Thank you.", " Regards")),
                rng.choice(("Hi, ", "Hello. ", "Please: ")) + changed,
                re.sub(r"\b([Tt]he|[Mm]y)\b", lambda m: "our" if m[0].islower() else "Our", changed, count=1),
            )
        )
        closeness = overlap(grams(candidate), grams(text))
        if closeness >= 0.74:
            changed = candidate
        if changed != text and normalise(changed) != normalise(text) and closeness < 0.93:
            return changed
    return None


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
            ticket = next(t for t in pool if fits.get(kind, lambda _: True)(t))
            pool.remove(ticket)
            if kind in IN_PLACE:
                ticket.defect, ticket.detail = kind, IN_PLACE[kind](rng, ticket)
            else:
                copies.append(copy_of(rng, ticket, kind))
    return copies


def readable_as_cp1252(text: str) -> bool:
    try:
        return text.encode("utf-8").decode("cp1252") != text
    except UnicodeDecodeError:
        return False


def copy_of(rng: random.Random, ticket: Ticket, kind: str) -> Ticket:
    copy = Ticket(deepcopy(ticket.messages), dict(ticket.answer), ticket.language, defect=kind, original=ticket)
    if kind == "near_duplicate":
        text = ticket.messages[1]["content"]
        copy.messages[1]["content"] = next(new for _ in range(99) if (new := reworded(rng, text)))
        closeness = overlap(grams(copy.messages[1]["content"]), grams(text))
        copy.detail = f"reworded, 5-gram Jaccard of the messages {closeness:.2f}"
    elif kind == "conflicting_answer":
        copy.detail = wrong_label(rng, copy)
    else:
        copy.detail = "the same chat under another ticket number"
    return copy


# --- files ------------------------------------------------------------------------------------


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
    row = {
        "ticket": f"T-{100200 + number}",
        "created": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "channel": rng.choice(("mail", "mail", "chat", "form")),
        "agent": rng.choice(("kim", "amara", "joost", "li", "sofia")),
        "customer": ticket.customer,
        "messages": ticket.messages,
    }
    return json.dumps(row, ensure_ascii=False)


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
            if month == 3 and len(out) in (60, 141, 250, 333):
                bad = {60: line[:-2], 141: "", 250: line.replace('"messages": ', '"messages" '), 333: "<!-- page 9 -->"}
                out.append(bad[len(out)])
                reason = {60: "cut off", 141: "blank", 250: "no colon", 333: "not JSON"}[len(out) - 1]
                unreadable.append({"file": name, "line": len(out), "reason": reason})
            out.append(line)
            ticket.place = (name, len(out))
        text = "\n".join(out) + "\n"
        if month == 3:
            unreadable.append({"file": name, "line": len(out) + 1, "reason": "cut off at the end of the file"})
            text += as_row(rng, order[5], number + 1, at)[:170]
        (folder / name).write_bytes((b"\xef\xbb\xbf" if month == 2 else b"") + text.encode("utf-8"))
    return unreadable


def truth(order: list[Ticket], unreadable: list[dict[str, Any]]) -> dict[str, Any]:
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
