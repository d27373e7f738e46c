"""Letting an endpoint answer what it has not answered yet, several questions at a time, within a cap.

Each answer is in the cache as soon as it is there, so nothing that was paid for is asked twice.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from curation.errors import BadInput, JobFailed
from curation.files import canonical_json, sha256
from curation.progress import Progress
from curation.task import Task
from curation.work import Work
from evals import constrained, endpoint, examples, price, prompt_files, prompts
from evals.answers import Answer, AnswerFiles
from evals.cache import AnswerCache
from evals.candidates import Candidate
from evals.endpoint import Endpoint, Reply, Request
from evals.examples import Example

LEAST_NEW_TOKENS = 64
_UNIT = 32
_GIVE_UP = 24  # questions in a row that all came to nothing, when none was answered before


@dataclass(slots=True)
class _Asking:
    """One endpoint's questions while they are asked."""

    one: Candidate
    at: Endpoint
    key: str | None
    add: Callable[[Sequence[Answer]], None]
    cache: AnswerCache
    progress: Progress
    cap: float | None
    spent: float = 0.0
    otherwise: str = "Make a new evaluation"
    answered: int = 0
    served: set[str] = field(default_factory=set)
    held: list[Answer] = field(default_factory=list)

    def keep(self, request: Request, id_: str, reply: Reply) -> None:
        """Count an answer; it is in the cache at once, and in the folder with the next unit."""
        if reply.finish != "error":
            self.cache.put({_key(self.at, request): asdict(reply)})
            self.answered += 1
            self.served.add(reply.served)
        self.spent += _paid(self.at, request, reply)
        self.held.append(_answer(self.one, id_, request, reply, f"{self.at.settings.concurrency} at a time"))
        if len(self.held) >= _UNIT and self.answered:
            self.write()

    def write(self) -> None:
        """Put what is held into the folder."""
        self.add(self.held)
        self.held = []


def requests(
    one: Candidate, task: Task, rows: Sequence[Example], train: Sequence[Example], prompt: str | None
) -> dict[str, Request]:
    """What the endpoint is asked for each row: the body, by row id.

    Args:
        one: the endpoint.
        task: what is asked.
        rows: the rows; only their turns and tools are looked at.
        train: training rows, which say how long an answer may be.
        prompt: the text of its own prompt file, None for the task's baseline prompt.
    """
    at, longest = endpoint.of(one.argument, task), new_tokens(task, train)
    made = {}
    for row in rows:
        turns = (
            prompts.from_file(row.messages, prompt, task)
            if prompt is not None
            else prompts.for_untrained(
                row.messages, baseline=task.system_for_baseline(), system_prompt=task.system_prompt
            )
        )
        body = {"model": at.model, "messages": turns, "temperature": 0, "max_tokens": longest}
        body |= {"tools": list(row.tools)} if row.tools else {}
        if one.schema and task.output_schema:
            body |= {"response_format": constrained.response_format(task.output_schema)}
        body |= at.settings.options
        made[row.id] = {key: value for key, value in body.items() if value is not None}
    return made


def new_tokens(task: Task, train: Sequence[Example]) -> int:
    """Most tokens of an answer: the task's, else 1.5 times the 99th percentile of the training answers.

    An endpoint's tokens cannot be counted here; three bytes of text are taken for one.
    """
    if task.max_new_tokens:
        return task.max_new_tokens
    lengths = sorted(
        len(row.expected.encode("utf-8", "replace")) for row in examples.sample(train, 2000)
    ) or [0]
    longest = lengths[math.ceil(0.99 * len(lengths)) - 1] / price.BYTES_A_TOKEN
    return max(LEAST_NEW_TOKENS, math.ceil(1.5 * longest))


def ask(
    one: Candidate,
    task: Task,
    rows: Sequence[Example],
    train: Sequence[Example],
    folder: Path,
    files: AnswerFiles,
    cache: Path,
    work: Work,
    *,
    cap: float | None = None,
) -> float:
    """Let the endpoint answer every row it has not answered.

    Args:
        one: the endpoint.
        task: what is asked.
        rows: the evaluation's rows.
        train: the training rows of its version.
        folder: the evaluation, where the candidate's prompt file lies.
        files: where answers go.
        cache: the answer cache of the project.
        work: told how far it is.
        cap: the most that may be spent.

    Returns:
        What this evaluation has spent on it so far, as the task prices it.

    Raises:
        NotReady: the API key is not there.
        JobFailed: nothing but failures; what was answered before is kept.
        BadInput: the cap would be exceeded; what was answered is kept.
        Stopped: somebody asked the job to stop.
    """
    prompt = prompt_files.read(folder / one.prompt_file) if one.prompt_file else None
    asked = requests(one, task, rows, train, prompt)
    at = endpoint.of(one.argument, task)
    open_ones = {id_: body for id_, body in asked.items() if (one.name, id_) not in files.done}
    state = _Asking(one, at, at.key(), files.add, AnswerCache(cache), work, cap)
    state.spent = _spent(folder, one, at, asked)
    left = _put(state, open_ones)
    if left:
        work.event(
            "answered", candidate=one.name, rows=left, generated=state.answered, served=sorted(state.served)
        )
    return state.spent


def put(
    one: Candidate,
    task: Task,
    asked: Mapping[str, Request],
    add: Callable[[Sequence[Answer]], None],
    cache: Path,
    progress: Progress,
    *,
    cap: float | None,
    otherwise: str,
) -> None:
    """Put questions of one's own to an endpoint, as patiently and within a cap.

    Args:
        one: the endpoint.
        task: has its settings.
        asked: the bodies by an id of one's own.
        add: told the answers, some at a time; one that failed has `finish` "error".
        cache: the answer cache of the project.
        progress: told how far it is.
        cap: the most that these questions may cost.
        otherwise: what to do with a higher cap, in words.

    Raises:
        BadUsage: they cost money that was not agreed to; nothing was asked.
        NotReady: the API key is not there.
        JobFailed: nothing but failures.
        BadInput: the cap would be exceeded; what was answered is kept.
    """
    at, kept = endpoint.of(one.argument, task), AnswerCache(cache)
    known = kept.get([_key(at, body) for body in asked.values()])
    paid = [body for body in asked.values() if _key(at, body) not in known]
    price.check({one.name: (at.settings, paid)}, cap)
    _put(_Asking(one, at, at.key(), add, kept, progress, cap, otherwise=otherwise), asked)


def _put(state: _Asking, asked: Mapping[str, Request]) -> int:
    """Take what is known from the cache and ask the rest; how many were asked."""
    keys = {id_: _key(state.at, body) for id_, body in asked.items()}
    known = state.cache.get(list(keys.values()))
    state.add(
        [
            _answer(state.one, id_, body, Reply(**known[keys[id_]]), "cache")
            for id_, body in asked.items()
            if keys[id_] in known
        ]
    )
    left = {id_: body for id_, body in asked.items() if keys[id_] not in known}
    if not left:
        return 0
    state.progress.stage(f"{state.one.name}: answering, {state.at.settings.concurrency} at a time", len(left))
    try:
        asyncio.run(_ask_all(state, left))
    finally:
        if state.answered or len(state.held) == len(left):
            state.write()
    return len(left)


async def _ask_all(state: _Asking, left: dict[str, Request]) -> None:
    import httpx

    waiting = list(left.items())[::-1]
    pending: dict[asyncio.Task[Reply], tuple[str, Request]] = {}
    reserved = 0.0
    async with httpx.AsyncClient(timeout=None, follow_redirects=False) as client:
        try:
            while waiting or pending:
                while waiting and len(pending) < state.at.settings.concurrency:
                    worst = price.at_most(state.at.settings, waiting[-1][1])
                    if state.cap is not None and state.spent + reserved + worst > state.cap:
                        break
                    id_, request = waiting.pop()
                    reserved += worst
                    coming = endpoint.ask(client, state.at, request, state.at.patience, state.key)
                    pending[asyncio.create_task(coming)] = (id_, request)
                if not pending:
                    raise _over(state, left)
                done, _ = await asyncio.wait(pending, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    id_, request = pending.pop(task)
                    reserved -= price.at_most(state.at.settings, request)
                    state.keep(request, id_, task.result())
                _give_up(state, len(left))
                state.progress.advance(len(done))
        finally:
            await _end(pending, state)


async def _end(pending: dict[asyncio.Task[Reply], tuple[str, Request]], state: _Asking) -> None:
    """Let go of what is under way; an answer that came at the last moment is kept."""
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task, (id_, request) in pending.items():
        if not task.cancelled() and task.exception() is None and task.result().finish != "error":
            state.keep(request, id_, task.result())


def _give_up(state: _Asking, wanted: int) -> None:
    """Stop when nothing at all is answered: the fault is not in the rows.

    Raises:
        JobFailed: with the first reason.
    """
    if not state.answered and _GIVE_UP <= len(state.held) < wanted:
        raise JobFailed(
            f"The first {len(state.held)} questions all came to nothing: {state.held[0].error}",
            where=state.at.url,
            hint="Mend it and go on; nothing was kept of these.",
        )


def _over(state: _Asking, left: dict[str, Request]) -> BadInput:
    return BadInput(
        f"The next question could exceed the cap of {state.cap:g}: {state.spent:.4g} is spent, "
        f"{state.answered:,} of {len(left):,} questions were answered.",
        where=state.one.name,
        hint=f"{state.otherwise} with a higher --max-cost; what was answered is taken from the cache.",
    )


def _spent(folder: Path, one: Candidate, at: Endpoint, asked: dict[str, Request]) -> float:
    """What earlier tries of this evaluation have spent."""
    from evals import answers

    return sum(
        _paid(
            at,
            asked[told.id],
            Reply(finish=told.finish, tokens_in=told.tokens_in, tokens_out=told.tokens_out),
        )
        for told in answers.read(folder)
        if told.candidate == one.name and told.batch != "cache"
    )


def _paid(at: Endpoint, request: Request, reply: Reply) -> float:
    """What a question cost; where the endpoint does not say, the most it can have cost."""
    if reply.tokens_in is None or reply.tokens_out is None:
        return price.at_most(at.settings, request)
    return price.cost(at.settings, reply.tokens_in, reply.tokens_out)


def _key(at: Endpoint, request: Request) -> str:
    return sha256(canonical_json(["endpoint", at.address, request]))


def _answer(one: Candidate, id_: str, request: Request, reply: Reply, batch: str) -> Answer:
    return Answer(
        id_,
        one.name,
        reply.text,
        reply.finish,
        prompt_hash=sha256(canonical_json(request))[:16],
        batch=batch,
        raw=reply.raw,
        attempt=reply.attempts,
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        seconds=reply.seconds,
        error=reply.error,
    )
