"""The words of the demo set, read from demo_phrases.yaml: lists of phrases by what they say."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class Wording:
    """What customers say for one intent."""

    openings: list[str]
    details: list[str]
    asks: list[str]
    general: list[str]


_READ = yaml.safe_load(Path(__file__).with_name("demo_phrases.yaml").read_text("utf-8"))
PRODUCTS = _READ["products"]
WORDINGS = {intent: Wording(**said) for intent, said in _READ["wordings"].items()}
GREETINGS = _READ["greetings"]
MOODS = _READ["moods"]
SIGN_OFFS = _READ["sign_offs"]
SAFETY = _READ["safety"]
REPEAT = _READ["repeat"]
FOLLOW_UPS = _READ["follow_ups"]
ORDER_SENTENCES = _READ["order_sentences"]
DEVICE_ABROAD = _READ["device_abroad"]
PARCEL_ABROAD = _READ["parcel_abroad"]
GREETINGS_ABROAD = _READ["greetings_abroad"]
ENDINGS_ABROAD = _READ["endings_abroad"]
SAFETY_ABROAD = _READ["safety_abroad"]
REPEAT_ABROAD = _READ["repeat_abroad"]
ABROAD = _READ["abroad"]
