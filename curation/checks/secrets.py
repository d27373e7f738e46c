"""Check: keys and passwords, known by the form their issuer gives them or by the name they are assigned to."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Iterator
from math import log2
from typing import NamedTuple

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings, quoted


class _Kind(NamedTuple):
    name: str
    pattern: str


_KINDS = (
    _Kind("a private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s+[A-Za-z0-9+/=:]"),
    _Kind("an AWS key", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    _Kind("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    _Kind("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    _Kind("a Slack token", r"\bxox[baprs]-[0-9]{6,}-[A-Za-z0-9-]{10,}"),
    _Kind("an Anthropic key", r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{40,}"),
    _Kind("an OpenAI key", r"\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{48}\b)"),
    _Kind("a Google key", r"\bAIza[A-Za-z0-9_-]{35}"),
    _Kind("a Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
    _Kind("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    _Kind("a PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    _Kind("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _Kind("a Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{24,}"),
    _Kind("a signed web token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{20,}"),
    _Kind(
        "a password in an address",
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@'\"<>]{1,60}:[^\s:/@'\"<>]{3,60}@[\w.-]+",
    ),
)
_ISSUED = re.compile("|".join(f"({kind.pattern})" for kind in _KINDS))
_INVENTED = re.compile(
    r"EXAMPLE|(?i:placeholder|your[_-]|xxxxx|redacted|changeme)|\*\*\*|\.\.\.|12345678|(\w)\1{7}"
    r"|:(?i:pass|password|passwd|pwd|secret)@|@(?:[\w-]+\.)*example\.(?:com|org|net)\b|[:/][<{$%\[]|@(?:localhost|host|hostname)\b"
)
_ASSIGNED = (
    r"(?i:(?:password|passwd|passphrase|pwd|secret|secret[_-]?key|api[_-]?key|access[_-]?key"
    r"|account[_-]?key|private[_-]?key|encryption[_-]?key|signing[_-]?key"
    r"|(?:auth|access|api|bearer|refresh|session|secret|bot)[_-]?token)"
    r"[\"'`]?\s{0,3}(?::=|=>|=|:)\s{0,3}[\"'`]?)"
    r"([^\s\"'`<>{}()\[\],;|\\]{12,200})"
)
_SAYS_SO = re.compile(
    r"(?i)example|sample|dummy|fake|placeholder|your|insert|replace|change|redacted|hidden|masked|x{4}|password|secret"
    r"|passwd|12345|abcde|qwerty|foobar|:/|(?:^|[-_.])(?:my|api|key|token|pass|pwd|user|admin|here|value|test|demo)(?:$|[-_.])"
)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|[$%&@].*|\W+.{0,3}")
_WORDS = re.compile(r"(?:[A-Za-z]+|\d+)(?:[-_./](?:[A-Za-z]+|\d+)){2,}")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@check("secrets", "Keys and passwords", "look", version=2, options={"entropy": 3.5})
def secrets(rows: Rows) -> pa.Table:
    """Finds: keys and tokens with the prefix and length of their issuer (AWS, GitHub, GitLab, Slack, Anthropic,
    OpenAI, Google, Hugging Face, npm, PyPI, SendGrid, Stripe), private keys, signed web tokens whose head can be
    read, addresses with a password. Also 12 or more characters with letters, digits and an entropy of at least
    `entropy` bits a character (after gitleaks) that are assigned to a name such as password, api_key, client_secret
    or access_token. Random-looking text alone is never a finding.

    Why it hurts training: a model can recite a key it has seen, to anyone who asks.

    False alarms: keys made up for a tutorial that do not say so; those with EXAMPLE, xxxxx or "your" in them are
    left out, and so are addresses whose password is the word "password". Of assigned values also words joined by
    dashes, names of variables, calls, UUIDs, and what says that it is made up (example, test, ****, <token>). Values
    that a tutorial or an assistant made up at random remain; `entropy: 9` turns this rule off.

    How to fix: replace the value by a made-up one, and have the real one withdrawn.

    Example: Turn 2 holds a GitHub token (ghp_…). A model can recite it; replace it, and withdraw it if it is real.
    """
    least = float(rows.options["entropy"])
    found = []
    for seq, turn, _, text in rows.turns("|".join([*(kind.pattern for kind in _KINDS), _ASSIGNED])):
        for what, start, end in sorted([*_issued(text), *_assigned(text, least)], key=lambda one: one[1:]):
            message = (
                f"Turn {turn + 1} holds {what}. "
                "A model can recite it; replace it, and withdraw it if it is real."
            )
            found.append(Found(seq, "look", turn, start, end, message))
    return findings(found)


def _issued(text: str) -> Iterator[tuple[str, int, int]]:
    """Keys in the form of their issuer: what each is, where it starts and ends."""
    for match in _ISSUED.finditer(text):
        value = match.group()
        if _INVENTED.search(value) or (value.startswith("eyJ") and not _signed(value)):
            continue
        yield f"{_KINDS[(match.lastindex or 1) - 1].name} ({value[:4]}…)", match.start(), match.end()


def _assigned(text: str, least: float) -> Iterator[tuple[str, int, int]]:
    """Random-looking values that are assigned to the name of a secret; those with an issuer's form are not."""
    for match in re.finditer(_ASSIGNED, text):
        value = match.group(1).rstrip(".:!?*")
        end = match.start(1) + len(value)
        if (
            len(value) >= 12
            and re.search(r"[A-Za-z]", value)
            and re.search(r"\d", value)
            and _entropy(value) >= least
            and text[end : end + 1] not in ("(", "[", "{", "<")
            and not any(one.search(value) for one in (_INVENTED, _SAYS_SO, _ISSUED))
            and not any(one.fullmatch(value) for one in (_IDENTIFIER, _WORDS, _UUID))
        ):
            before = re.search(r"[\w.-]*$", text[max(0, match.start() - 30) : match.start()])
            name = (before.group() if before else "") + re.split(r"[\"'`\s:=]", match.group(), maxsplit=1)[0]
            yield f"a value assigned to {quoted(name)}", match.start(1), end


def _entropy(value: str) -> float:
    """Bits a character (Shannon), by the value's own characters."""
    return -sum(n / len(value) * log2(n / len(value)) for n in Counter(value).values())


def _signed(token: str) -> bool:
    """Whether the head of a web token is JSON that names how it is signed (RFC 7515)."""
    head = token.partition(".")[0]
    try:
        told = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error):
        return False
    return isinstance(told, dict) and "alg" in told
