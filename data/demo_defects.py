"""The defects of the demo set: one function a kind, each spoils one ticket and says how."""

import random
import re
from collections.abc import Callable
from copy import deepcopy

from demo_messages import INTENTS, SYSTEM, Ticket, grams, normalise, overlap, slip, ticket_line

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


def answer_with(ticket: Ticket, text: str) -> None:
    """Replaces the ticket's answer."""
    ticket.messages[-1]["content"] = text


def wrong_label(rng: random.Random, ticket: Ticket) -> str:
    """Another intent, everything else as it was."""
    wrong = rng.choice([name for name in INTENTS if name != ticket.answer["intent"]])
    ticket.right = dict(ticket.answer)
    answer_with(ticket, ticket_line({**ticket.answer, "intent": wrong}))
    return f"intent {wrong}, right is {ticket.answer['intent']}"


def broken_json(rng: random.Random, ticket: Ticket) -> str:
    """An answer no JSON parser accepts."""
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
    """A key renamed or left out."""
    old, new = rng.choice(
        (("intent", "category"), ("order_id", "order"), ("product", ""), ("priority", "prio"))
    )
    answer = {new if key == old else key: value for key, value in ticket.answer.items() if key != old or new}
    answer_with(ticket, ticket_line(answer))
    return f"{old} became {new}" if new else f"{old} is missing"


def outside_enum(rng: random.Random, ticket: Ticket) -> str:
    """A value the schema does not list."""
    key, value = rng.choice(
        (("priority", "critical"), ("priority", "medium"), ("intent", "complaint"), ("product", "Scooter"))
    )
    answer_with(ticket, ticket_line({**ticket.answer, key: value}))
    return f"{key} {value}"


def empty_answer(rng: random.Random, ticket: Ticket) -> str:
    """An answer without a word."""
    answer_with(ticket, rng.choice(("", " ", "\n")))
    return "nothing but white space"


def truncated_answer(rng: random.Random, ticket: Ticket) -> str:
    """The first part of the answer."""
    line = ticket_line(ticket.answer)
    cut = rng.randint(len(line) // 3, len(line) - 4)
    answer_with(ticket, line[:cut])
    return f"cut after {cut} characters"


def fenced_answer(rng: random.Random, ticket: Ticket) -> str:
    """The right answer as Markdown."""
    del rng
    answer_with(ticket, f"```json\n{ticket_line(ticket.answer)}\n```")
    return "right, but in a code fence"


def mojibake(rng: random.Random, ticket: Ticket) -> str:
    """The message after a wrong decoding."""
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
    """The message with a way to reach or charge a person in it."""
    # Phone numbers: ranges Ofcom and the Bundesnetzagentur keep for films. The mail domains are made up.
    person = rng.choice(("marta.holt", "j.okafor", "lena-vogt", "tomas.reyes", "p.lindqvist"))
    domain = rng.choice(("brackenfold-post.com", "tallowmere.co.uk", "hafenpost-nord.de"))
    kinds = {
        "email": f"You can reach me at {person}{rng.randint(2, 99)}@{domain}.",
        "phone": rng.choice(
            (
                f"Call me on +44 20 7946 0{rng.randint(100, 999)}.",
                f"My number is +49 30 23125 {rng.randint(100, 999)}.",
            )
        ),
        "card": f"I paid with card {luhn_number(rng)}.",
        "iban": "Please refund to DE89 3704 0044 0532 0130 00.",
    }
    kind = rng.choices(sorted(kinds), (4, 5, 1, 4))[0]
    ticket.messages[1]["content"] += " " + kinds[kind]
    return kind


def refusal(rng: random.Random, ticket: Ticket) -> str:
    """A chat assistant's excuse in place of the ticket."""
    answer_with(ticket, rng.choice(REFUSALS))
    return "refuses instead of filing the ticket"


def leaked_prompt(rng: random.Random, ticket: Ticket) -> str:
    """The system prompt in front of the ticket."""
    line = ticket_line(ticket.answer)
    answer_with(ticket, rng.choice((f"{SYSTEM}\n{line}", f"{SYSTEM} {line}", f"System: {SYSTEM}\n\n{line}")))
    return "the answer repeats the system prompt"


def wrong_language(rng: random.Random, ticket: Ticket) -> str:
    """Prose in another language in place of the ticket."""
    language, text = rng.choice(FOREIGN_ANSWERS)
    answer_with(ticket, text)
    return f"answered in {language}"


def role_error(rng: random.Random, ticket: Ticket) -> str:
    """Roles or an order of turns that chat templates do not know."""
    kind = rng.choice(("unknown role", "two user turns in a row", "ends with a user turn"))
    if kind == "unknown role":
        turn, role = rng.choice(((1, "customer"), (2, "bot"), (2, "agent")))
        ticket.messages[turn]["role"] = role
        return f"unknown role {role}"
    if kind == "two user turns in a row":
        ticket.messages.insert(
            1, {"role": "user", "content": rng.choice(("Hello?", "Anyone there?", "Hi again"))}
        )
        return kind
    ticket.messages.append({"role": "user", "content": rng.choice(("Thanks!", "Ok, thank you", "Great."))})
    return kind


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
    """The text with some slips and small changes, still a near copy; None where the dice do not allow it."""
    greeted = re.match(r"(?i)(hi|hey|hello|good|dear|evening|hola|buen|hallo|guten|bon|salut)", text)
    changed = slip(rng, text)
    if not greeted and rng.random() < 0.5:
        changed = rng.choice(("Hi, ", "Hello. ", "Good day, ")) + changed
    if rng.random() < 0.4:
        changed += rng.choice((" Thanks!", " pls", " Thank you.", " Waiting for your answer."))
    if rng.random() < 0.4:
        changed = re.sub(r"\b([Mm])y\b", lambda m: "our" if m[1] == "m" else "Our", changed, count=1)
    closeness = overlap(grams(changed), grams(text))
    return changed if 0.74 <= closeness < 0.93 and normalise(changed) != normalise(text) else None


def readable_as_cp1252(text: str) -> bool:
    """Whether a wrong decoding of the text succeeds and shows."""
    try:
        return text.encode("utf-8").decode("cp1252") != text
    except UnicodeDecodeError:
        return False


def copy_of(rng: random.Random, ticket: Ticket, kind: str) -> Ticket:
    """A second row made out of `ticket`, of one of the three kinds that need two."""
    copy = Ticket(
        deepcopy(ticket.messages), dict(ticket.answer), ticket.language, defect=kind, original=ticket
    )
    if kind == "near_duplicate":
        text = ticket.messages[1]["content"]
        copy.messages[1]["content"] = next(new for _ in range(999) if (new := reworded(rng, text)))
        closeness = overlap(grams(copy.messages[1]["content"]), grams(text))
        copy.detail = f"reworded, 5-gram Jaccard of the messages {closeness:.2f}"
    elif kind == "conflicting_answer":
        copy.detail = wrong_label(rng, copy)
    else:
        copy.detail = "the same chat under another ticket number"
    return copy
