"""Check: personal data whose form proves what it is."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings

_EMAIL = r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,24}"
_IBAN = r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"
_PHONE = r"\+[1-9][0-9]{0,2}(?:[ ./()-]{0,2}[0-9]){6,12}\b"
_CARD = (
    r"\b[2-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,4}(?:[0-9]{3})?\b"
    r"|\b3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}\b"
)
_ADDRESS = (
    r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b"
    r"|\b(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\b|\b(?:[0-9A-Fa-f]{1,4}:){2,6}:(?:[0-9A-Fa-f]{1,4}:){0,4}[0-9A-Fa-f]{1,4}\b"
)
_NUMBERED = re.compile(
    r"(?i:\bv|\bver\.?|\bversions?|\brelease|\bbuild|\bsection|\bchapter|[=~^])[ \t:]{0,2}$"
)
_PUBLIC_SERVERS = ("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9")
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|35\d{14}"
    r"|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12}"
)
_GOES_ON = re.compile(r"[ -]?\d")
_DOCUMENTED_MAIL = re.compile(
    r"@(?:[\w-]+\.)*(?:example\.(?:com|org|net)|[\w-]+\.(?:example|invalid|test))$", re.I
)
_DOCUMENTED_CARDS = ("4111111111111111", "4242424242424242", "5555555555554444", "378282246310005")
_IBAN_LENGTHS = range(15, 35)


def _itself(text: str, start: int, end: int) -> bool:
    return False


class _Kind(NamedTuple):
    name: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool]
    mask: Callable[[str], str]
    else_is: Callable[[str, int, int], bool] = _itself


def _luhn(text: str) -> bool:
    """Check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    plain = re.sub(r"\D", "", text)
    if not _ISSUED.fullmatch(plain) or plain in _DOCUMENTED_CARDS or len(set(plain)) < 3:
        return False
    digits = [int(char) for char in plain]
    doubled = [d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _mod_97(text: str) -> bool:
    """Check digits of bank accounts (ISO 13616)."""
    plain = text.replace(" ", "")
    if len(plain) not in _IBAN_LENGTHS:
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def _real_mail(text: str) -> bool:
    return not _DOCUMENTED_MAIL.search(text) and ".." not in text


def _reachable(text: str) -> bool:
    """An address of the public internet: not private, reserved, kept for documentation, or everybody's server."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return (
        address.is_global and not address.is_multicast and text not in _PUBLIC_SERVERS and text[-2:] != ".0"
    )


def _numbered(text: str, start: int, end: int) -> bool:
    """Whether the dotted numbers are those of a version or a section, or a piece of a longer row or of a network."""
    return bool(
        _NUMBERED.search(text[max(0, start - 12) : start])
        or re.match(r"[./]\d|[-+][A-Za-z]", text[end : end + 2])
        or re.search(r"[\d.:]\Z", text[:start][-1:])
    )


def _enough_digits(text: str) -> bool:
    return 8 <= sum(char.isdigit() for char in text) <= 15


def _part_of_more(text: str, start: int, end: int) -> bool:
    """Whether digits go on before or behind: the number is a piece of a longer one."""
    before = text[max(0, start - 2) : start][::-1]
    return bool(_GOES_ON.match(text, end) or _GOES_ON.match(before))


def _mask_mail(text: str) -> str:
    name, _, domain = text.partition("@")
    return f"{name[0]}…@…{domain[domain.rfind('.') :]}"


def _mask_digits(text: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9+]", "", text)
    return f"{plain[:2]}…{plain[-2:]}"


_KINDS = (
    _Kind("an e-mail address", re.compile(_EMAIL), _real_mail, _mask_mail),
    _Kind("a bank account (IBAN)", re.compile(_IBAN), _mod_97, _mask_digits),
    _Kind("a phone number", re.compile(_PHONE), _enough_digits, _mask_digits),
    _Kind("an internet address (IP)", re.compile(_ADDRESS), _reachable, _mask_digits, _numbered),
    _Kind("a payment card", re.compile(_CARD), _luhn, _mask_digits, _part_of_more),
)


@check("pii", "Personal data", "look", version=2)
def pii(rows: Rows) -> pa.Table:
    """Finds: e-mail addresses, bank accounts (IBAN) and payment cards with right check digits, phone numbers with a
    country code, and public IP addresses. Private ones, versions, and what is kept for documentation are left out.

    Why it hurts training: a model repeats what it has seen; other people's data should not be in it.

    False alarms: a company's own public address; about one long number in ten has the check digit of a card.

    How to fix: replace the value by a made-up one, the same one wherever it occurs in the chat.

    Example: Turn 2 holds an e-mail address (m…@….com).
    """
    found = []
    for seq, turn, _, text in rows.turns("|".join(kind.pattern.pattern for kind in _KINDS)):
        taken: list[range] = []
        for kind in _KINDS:
            for match in kind.pattern.finditer(text):
                start, end = match.span()
                if kind.else_is(text, start, end):
                    continue
                if not kind.holds(match.group()) or any(
                    start < one.stop and end > one.start for one in taken
                ):
                    continue
                taken.append(range(start, end))
                message = f"Turn {turn + 1} holds {kind.name} ({kind.mask(match.group())})."
                found.append(Found(seq, "look", turn, start, end, message))
    return findings(found)
