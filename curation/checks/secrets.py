"""Check: keys and passwords whose form names who issued them."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import NamedTuple

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings


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
_INVENTED = re.compile(
    r"EXAMPLE|(?i:placeholder|your[_-]|xxxxx|redacted|changeme)|\*\*\*|\.\.\.|12345678|(\w)\1{7}"
    r"|:(?i:pass|password|passwd|pwd|secret)@|@(?:[\w-]+\.)*example\.(?:com|org|net)\b|[:/][<{$%\[]|@(?:localhost|host|hostname)\b"
)


@check("secrets", "Keys and passwords", "look")
def secrets(rows: Rows) -> pa.Table:
    """Finds: keys and tokens with the prefix and length of their issuer (AWS, GitHub, GitLab, Slack, Anthropic,
    OpenAI, Google, Hugging Face, npm, PyPI, SendGrid, Stripe), private keys, signed web tokens whose head can be
    read, addresses with a password. Random-looking text alone is never a finding.

    Why it hurts training: a model can recite a key it has seen, to anyone who asks.

    False alarms: keys made up for a tutorial that do not say so; those with EXAMPLE, xxxxx or "your" in them are
    left out, and so are addresses whose password is the word "password".

    How to fix: replace the value by a made-up one, and have the real one withdrawn.

    Example: Turn 2 holds a GitHub token (ghp_…). A model can recite it; replace it, and withdraw it if it is real.
    """
    pattern = re.compile("|".join(f"({kind.pattern})" for kind in _KINDS))
    found = []
    for seq, turn, _, text in rows.turns("|".join(kind.pattern for kind in _KINDS)):
        for match in pattern.finditer(text):
            name = _KINDS[(match.lastindex or 1) - 1].name
            value = match.group()
            if _INVENTED.search(value) or (value.startswith("eyJ") and not _signed(value)):
                continue
            message = (
                f"Turn {turn + 1} holds {name} ({value[:4]}…). "
                "A model can recite it; replace it, and withdraw it if it is real."
            )
            found.append(Found(seq, "look", turn, match.start(), match.end(), message))
    return findings(found)


def _signed(token: str) -> bool:
    """Whether the head of a web token is JSON that names how it is signed (RFC 7515)."""
    head = token.partition(".")[0]
    try:
        told = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error):
        return False
    return isinstance(told, dict) and "alg" in told
