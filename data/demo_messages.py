"""Clean tickets of the demo set: what customers write and what the desk's convention makes of it."""

import json
import random
import re
import unicodedata
from dataclasses import dataclass

import demo_phrases as say

SYSTEM = "Nordwick support desk: reply with the ticket as one JSON line."
INTENTS = tuple(say.WORDINGS)
PRODUCTS = tuple(say.PRODUCTS)
ABOUT_A_DEVICE = ("setup", "fault", "access", "question")
# Character 5-gram overlap above which two of our own texts would count as near copies, minus a margin.
TOO_CLOSE = 0.58


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


def house_priority(intent: str, *, safety: bool, repeat: bool) -> str:
    """The convention a prompt cannot guess; data/README.md says it in words."""
    if safety or intent == "access":
        return "urgent"
    if repeat or intent in ("billing", "cancel"):
        return "high"
    return "low" if intent in ("invoice", "question") else "normal"


def ticket_line(answer: dict[str, str | None]) -> str:
    """The answer as the desk writes it: one line, no blanks."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def normalise(text: str) -> str:
    """NFKC, case folded, every run of non-word characters one blank."""
    return re.sub(r"\W+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def grams(text: str) -> frozenset[str]:
    """The character 5-grams of the normalised text."""
    text = normalise(text)
    return frozenset(text[i : i + 5] for i in range(max(1, len(text) - 4)))


def overlap(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard similarity of two sets."""
    return len(a & b) / len(a | b)


def name_of(rng: random.Random, intent: str, product: str | None, language: str) -> str:
    """How a customer refers to the product, or to what was bought where no product is named."""
    if product is None:
        abroad = say.DEVICE_ABROAD if intent in ABOUT_A_DEVICE else say.PARCEL_ABROAD
        return rng.choice(say.WORDINGS[intent].general if language == "en" else abroad[language])
    noun = rng.choice(say.PRODUCTS[product][language])
    return noun if language != "en" else rng.choice(("the ", "my ", "the ", "our ")) + noun


def written_order(rng: random.Random, order: str) -> str:
    """One of the ways customers write an order number."""
    digits = order.removeprefix("NW-")
    return rng.choice((order, order, digits, digits, f"#{digits}", order.lower(), f"NW{digits}"))


def sentence(rng: random.Random, text: str) -> str:
    """The text with a capital and an end mark."""
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
    size = rng.choices(("short", "medium", "long"), (6, 5, 2))[0]
    if english and size != "short":
        parts.append(rng.choice(words.details))
    if english and (size == "long" or rng.random() < 0.15):
        parts.append(rng.choice(words.asks))
    if english and rng.random() < 0.14:
        parts.insert(rng.randint(0, len(parts)), rng.choice(say.MOODS))
    risky = intent in ("fault", "damage", "return", "setup")
    safety, repeat = risky and rng.random() < 0.20, rng.random() < 0.07
    if safety:
        parts.insert(
            rng.randint(1, len(parts)), rng.choice(say.SAFETY if english else say.SAFETY_ABROAD[language])
        )
    if repeat:
        parts.insert(
            rng.randint(0, len(parts)), rng.choice(say.REPEAT if english else say.REPEAT_ABROAD[language])
        )
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
    if rng.random() < 0.18:
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


def chat(*turns: str) -> list[dict[str, str]]:
    """A conversation under the system prompt; turns alternate, the customer first."""
    roles = ("user", "assistant")
    body = [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]
    return [{"role": "system", "content": SYSTEM}, *body]


def new_order(rng: random.Random, intent: str) -> str | None:
    """An order number as often as customers give one for this intent."""
    share = {"question": 0.0, "setup": 0.2, "access": 0.15, "fault": 0.35}
    return f"NW-{rng.randint(10000, 99999)}" if rng.random() < share.get(intent, 0.65) else None


class Desk:
    """Hands out tickets whose texts are all well apart from each other."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.seen: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {intent: [] for intent in INTENTS}
        self.turn = 0

    def one(
        self, messages: list[dict[str, str]], answer: dict[str, str | None], language: str
    ) -> Ticket | None:
        """The ticket, unless its text is close to one handed out before."""
        users = grams("\n".join(m["content"] for m in messages if m["role"] == "user"))
        whole = grams("\n".join(m["content"] for m in messages[1:]))
        known = self.seen[str(answer["intent"])]
        if any(overlap(users, u) > TOO_CLOSE or overlap(whole, w) > TOO_CLOSE + 0.08 for u, w in known):
            return None
        known.append((users, whole))
        return Ticket(messages, answer, language)

    def draw(self) -> tuple[str, str | None, str | None, str]:
        """Intent, product, order number and language of the next ticket."""
        self.turn += 1
        intent = (
            INTENTS[self.turn % len(INTENTS)] if self.rng.random() < 0.9 else self.rng.choice(INTENTS[:4])
        )
        product = self.rng.choice((None, None, None, *PRODUCTS))
        language = self.rng.choices(("en", "de", "es", "fr"), (94, 2.5, 2, 1.5))[0]
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
                phrase = self.rng.choice(say.ORDER_SENTENCES["en"]).replace(
                    "{o}", written_order(self.rng, order)
                )
                later, last = sentence(self.rng, phrase), {**first, "order_id": order}
            else:
                other = self.rng.choice([name for name in INTENTS if name != intent])
                named = self.rng.choice((None, *PRODUCTS)) if product is None else None
                text2, priority2 = compose(self.rng, other, named or product, order, "en")
                later = f"{self.rng.choice(say.FOLLOW_UPS)} {text2}"
                last = {
                    "intent": other,
                    "priority": priority2,
                    "product": named or product,
                    "order_id": order,
                }
            messages = chat(text, ticket_line(first), later, ticket_line(last))
            if ticket := self.one(messages, last, "en"):
                return ticket
