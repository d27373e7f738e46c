"""One question to an OpenAI-compatible endpoint: asked with patience; what came back, or why nothing did.

What a server says is data: its size is limited, its errors are shown as text, and a key never leaves here in one.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from curation.chat import THOUGHT
from curation.errors import BadUsage, NotReady
from curation.task import EndpointSettings, Task
from evals.scorers import calls

if TYPE_CHECKING:
    import httpx

Finish = Literal["stop", "length", "error", "empty"]
Request = dict[str, Any]
PATH = "/chat/completions"
MOST_BYTES = 8_000_000
_SECRET = ("key", "token", "secret", "sig", "password")
_TRY_AGAIN = (408, 409, 425, 429)
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one question is tried. Waits double, with jitter, between `first_wait` and `longest_wait`.

    A reply that is no chat completion is asked for again at most `nonsense` times: it may have been billed.
    """

    tries: int = 6
    nonsense: int = 3
    first_wait: float = 0.5
    longest_wait: float = 30.0
    timeout_seconds: float = 60.0
    total_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model at a URL, with its settings in the task."""

    url: str
    model: str
    settings: EndpointSettings

    @property
    def patience(self) -> Patience:
        """As the task says."""
        seconds = self.settings.timeout_seconds
        return Patience(timeout_seconds=seconds, total_seconds=5 * seconds)

    @property
    def address(self) -> str:
        """Where questions are posted: the URL with the path of chat completions, once."""
        parts = urlsplit(self.url)
        path = parts.path.rstrip("/")
        return parts._replace(path=path if path.endswith(PATH) else path + PATH).geturl()

    def key(self) -> str | None:
        """The API key, from the environment.

        Raises:
            NotReady: the variable that the task names is not set.
        """
        name = self.settings.api_key_env
        if name is None:
            return None
        value = os.environ.get(name, "").strip()
        if not value or not value.isascii():
            raise NotReady(
                f"The environment variable {name} holds no API key.",
                where=self.url,
                hint=f"Set it where Touchstone is started: export {name}=…",
            )
        return value


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    `finish` is "error" when there is no answer, and `error` then says why. `seconds` are those of the last
    try; `raw` has what a thinking model wrote before its answer.
    """

    text: str = ""
    raw: str = ""
    finish: Finish = "stop"
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float = 0.0
    attempts: int = 1
    served: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Failed:
    why: str
    tries: int
    wait: float = 0.0


def parse(argument: str) -> tuple[str, str]:
    """URL and model of `URL#MODEL`.

    Raises:
        BadUsage: not http or https, no model, or a secret in the URL.
    """
    url, _, model = argument.partition("#")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not model.strip() or any(sign.isspace() or not sign.isprintable() for sign in argument):
        raise BadUsage(
            f"endpoint:URL#MODEL needs a http or https URL and the model's name, got {argument!r}.",
            hint="For example endpoint:https://api.example.com/v1#small-model",
        )
    secret = any(word in name.lower() for name, _ in parse_qsl(parts.query) for word in _SECRET)
    if parts.username or parts.password or secret:
        raise BadUsage(
            "The URL of an endpoint must not hold a key or a password: it is stored with the answers.",
            hint="Name an environment variable in task.yaml: endpoints: {URL: {api_key_env: NAME}}",
        )
    return url, model


def of(argument: str, task: Task) -> Endpoint:
    """The endpoint of `URL#MODEL` with the task's settings for this model, or for the URL."""
    url, model = parse(argument)
    found = task.endpoints.get(argument) or task.endpoints.get(url) or EndpointSettings()
    return Endpoint(url, model, found)


async def ask(
    client: httpx.AsyncClient, endpoint: Endpoint, request: Request, patience: Patience, key: str | None
) -> Reply:
    """Ask once, and again where that can help.

    Args:
        client: shared by all questions.
        endpoint: who is asked.
        request: the body.
        patience: how often and how long.
        key: of `Endpoint.key`.
    """
    attempt, why, seconds = 0, "", 0.0
    try:
        async with asyncio.timeout(patience.total_seconds):
            while True:
                attempt += 1
                began = time.perf_counter()
                found = await _once(client, endpoint.address, request, patience, key)
                seconds = time.perf_counter() - began
                if isinstance(found, Reply):
                    return replace(found, seconds=seconds, attempts=attempt)
                why = found.why
                if attempt >= found.tries:
                    break
                longest = min(patience.longest_wait, patience.first_wait * 2 ** (attempt - 1))
                await asyncio.sleep(max(found.wait, longest * random.uniform(0.5, 1)))
    except TimeoutError:
        why = f"{why or 'no answer'}, and {patience.total_seconds:g} s are over"
    told = why.replace(key, "…") if key else why
    tried = f" (tried {attempt} times)" if attempt > 1 else ""
    return Reply(finish="error", seconds=seconds, attempts=attempt, error=f"could not answer: {told}{tried}")


async def _once(
    client: httpx.AsyncClient, address: str, request: Request, patience: Patience, key: str | None
) -> Reply | _Failed:
    import httpx

    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    body = bytearray()
    try:
        async with (
            asyncio.timeout(patience.timeout_seconds),
            client.stream("POST", address, content=json.dumps(request).encode(), headers=headers) as response,
        ):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    return _Failed(f"the reply is larger than {MOST_BYTES:,} bytes", patience.nonsense)
    except TimeoutError:
        return _Failed(f"no answer within {patience.timeout_seconds:g} s", patience.tries)
    except httpx.HTTPError as error:
        return _Failed(_line(f"{type(error).__name__} {error}"), patience.tries)
    if response.status_code != 200:
        again = response.status_code >= 500 or response.status_code in _TRY_AGAIN
        return _Failed(
            f"the endpoint answered {response.status_code}: {_complaint(bytes(body))}",
            patience.tries if again else 1,
            min(_retry_after(response.headers), 2 * patience.longest_wait),
        )
    return read(bytes(body)) or _Failed(
        f"the reply is no chat completion: {_complaint(bytes(body))}", patience.nonsense
    )


def read(body: bytes) -> Reply | None:
    """The reply in the body of a chat completion; None when it is something else."""
    value = _json(body)
    choices = value.get("choices") if isinstance(value, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(value, dict) or not isinstance(choice, dict) or not isinstance(message, dict):
        return None
    content, called = _content(message.get("content")), calls.of_turn(message)
    if content is None and not called and message.get("content") is not None:
        return None
    text = content or (calls.as_text(called) if called else "")
    thought = message.get("reasoning_content") or message.get("reasoning")
    usage = value.get("usage")
    told = Reply(
        text=_clean(THOUGHT.sub("", text).strip()),
        raw=_clean(f"<think>{thought}</think>{text}" if isinstance(thought, str) and thought else text),
        tokens_in=_count(usage, "prompt_tokens"),
        tokens_out=_count(usage, "completion_tokens"),
        served=_line(f"{value.get('model') or ''} {value.get('system_fingerprint') or ''}"),
    )
    reason = choice.get("finish_reason")
    if reason == "content_filter":
        return replace(told, text="", finish="error", error="could not answer: its content filter stopped it")
    return replace(told, finish="length" if reason == "length" else "stop" if told.text else "empty")


def _content(value: object) -> str | None:
    """Text, or the text parts of a list of parts."""
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else None


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _json(body: bytes) -> object:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found


def _complaint(body: bytes) -> str:
    """What a server says went wrong, in one line."""
    value = _json(body)
    error = value.get("error") if isinstance(value, dict) else None
    told = error.get("message") if isinstance(error, dict) else error
    return (
        _line(told if isinstance(told, str) else body[: 4 * _SHOWN].decode("utf-8", "replace")) or "nothing"
    )


def _line(text: str) -> str:
    """Printable text of one line, cut."""
    flat = " ".join("".join(sign if sign.isprintable() else " " for sign in _clean(text)).split())
    return flat[:_SHOWN]


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _retry_after(headers: Mapping[str, str]) -> float:
    try:
        seconds = float(headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 1e6 else 0.0
