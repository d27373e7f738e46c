"""Endpoints: a real server in a thread that answers well, slowly, wrongly, or not at all."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import events, jobs
from curation import task as tasks
from curation.errors import BadTask, BadUsage, NotReady
from curation.files import read_json
from curation.project import Project
from curation.task import EndpointSettings, Task
from curation.work import at_work
from evals import answers, endpoint, endpoint_asking, evaluation, price
from evals.answers import Answer
from evals.candidates import parse, parse_all

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_cache")]
SECRET = "sk-very-secret-0123456789"
Behave = Callable[["Server", str, int], tuple[int, Any]]


class Server:
    """What it was asked, and how it behaves: a function of the question and of how often it was asked."""

    def __init__(self) -> None:
        self.behave: Behave = lambda _server, _question, _times: (200, chat("refund"))
        self.asked: list[dict[str, Any]] = []
        self.times: Counter[str] = Counter()
        self.keys: set[str | None] = set()
        self.headers: dict[str, str] = {}
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None  # a client that hung up
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    def handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                question = body["messages"][-1]["content"]
                with server.lock:
                    server.asked.append(body)
                    server.times[question] += 1
                    times = server.times[question]
                    server.keys.add(self.headers.get("Authorization"))
                    server.at_once += 1
                    server.most_at_once = max(server.most_at_once, server.at_once)
                try:
                    assert self.path == "/v1/chat/completions"
                    status, told = server.behave(server, question, times)
                finally:
                    with server.lock:
                        server.at_once -= 1
                content = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **server.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def chat(text: Any, reason: str = "stop", **more: Any) -> dict[str, Any]:
    return {
        "model": "small-2",
        "choices": [{"message": {"role": "assistant", "content": text, **more}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 3},
    }


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.over.set()
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tries with shorter waits."""
    monkeypatch.setattr(
        endpoint.Endpoint,
        "patience",
        property(
            lambda one: endpoint.Patience(
                first_wait=0.01,
                longest_wait=0.03,
                timeout_seconds=one.settings.timeout_seconds,
                total_seconds=20,
            )
        ),
    )


def settled(project: Project, task: Task, server: Server, **settings: Any) -> Task:
    """The task with settings of the server, written down."""
    made = task.model_copy(update={"endpoints": {server.url: EndpointSettings(**settings)}})
    tasks.save(made, project.task_path)
    return made


def measured(
    project: Project, version: Path, task: Task, server: Server, *, limit: int | None = 4, **more: Any
) -> Path:
    folder = evaluation.create(
        project, version, task, candidates=[f"endpoint:{server.url}#small"], limit=limit, **more
    )
    with at_work(folder) as work:
        evaluation.run(folder, work)
    return folder


def told(folder: Path) -> list[Answer]:
    return answers.read(folder)


def test_answers_are_asked_for_and_scored_like_any_others(
    project: Project, version: Path, task: Task, server: Server
) -> None:
    folder = measured(project, version, task, server, limit=None)
    assert {one.answer for one in told(folder)} == {"refund"}
    assert {(one.finish, one.tokens_in, one.tokens_out, one.attempt) for one in told(folder)} == {
        ("stop", 20, 3, 1)
    }
    found = read_json(folder / "summary.json")["candidates"][f"endpoint:{server.url}#small"]
    assert found["scorers"]["label"]["mean"] == pytest.approx(4 / 12)
    assert found["latency"]["asked"] == "8 at a time"
    assert found["latency"]["n"] == 12
    body = server.asked[0]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("small", 0, 64)
    assert body["messages"][0]["content"] == task.system_for_baseline()
    assert server.keys == {None}
    assert events.read(folder, kinds=("answered",))[-1].fields["served"] == ["small-2"]


def test_what_was_answered_is_never_asked_again(
    project: Project, version: Path, task: Task, server: Server
) -> None:
    first = measured(project, version, task, server)
    assert len(server.asked) == 4
    again = measured(project, version, task, server, limit=6)
    assert len(server.asked) == 6
    cached = {one.id: one.answer for one in told(again) if one.batch == "cache"}
    assert cached == {one.id: one.answer for one in told(first)}


def test_a_prompt_of_ones_own_is_sent(project: Project, version: Path, task: Task, server: Server) -> None:
    project.prompts.mkdir()
    (project.prompts / "terse.md").write_text("One of {labels}", "utf-8")
    folder = evaluation.create(
        project, version, task, candidates=[f"endpoint:{server.url}#small@terse"], limit=1
    )
    with at_work(folder) as work:
        evaluation.run(folder, work)
    assert server.asked[0]["messages"][0]["content"] == "One of refund, cancel, address"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"oops"),
        (429, {"error": {"message": "slow down"}}),
        (503, b""),
        (200, b"<html>"),
        (200, {"choices": []}),
    ],
    ids=["500", "429", "503", "nonsense", "no choice"],
)
def test_what_passes_is_tried_again_with_patience(
    project: Project, version: Path, task: Task, server: Server, status: int, body: Any
) -> None:
    server.headers = {"Retry-After": "0"}
    server.behave = lambda _s, _q, times: (200, chat("refund")) if times > 2 else (status, body)
    folder = measured(project, version, task, server)
    assert {(one.answer, one.attempt) for one in told(folder)} == {("refund", 3)}


@pytest.mark.parametrize(
    ("status", "body", "times", "says"),
    [
        (500, b"oops", 6, "answered 500: oops (tried 6 times)"),
        (429, {"error": {"message": "slow down"}}, 6, "answered 429: slow down (tried 6 times)"),
        (400, {"error": {"message": "too long"}}, 1, "answered 400: too long"),
        (404, {"error": "no such model"}, 1, "answered 404: no such model"),
        (302, b"", 1, "answered 302"),
        (200, b"{nonsense", 3, "no chat completion: {nonsense (tried 3 times)"),
        (200, b"[" * 100_000, 3, "no chat completion"),
        (200, chat({"a": 1}), 3, "no chat completion"),
        (200, chat("x", "content_filter"), 1, "content filter"),
    ],
    ids=["500", "429", "400", "404", "302", "nonsense", "deep", "no text", "filtered"],
)
def test_what_does_not_pass_could_not_be_answered_and_is_never_a_zero(
    project: Project, version: Path, task: Task, server: Server, status: int, body: Any, times: int, says: str
) -> None:
    first = evaluation.examples.sample(evaluation.examples.of_split(version, "validation")[0], 4)[0].prompt
    server.behave = lambda _s, question, _t: (status, body) if question == first else (200, chat("refund"))
    folder = measured(project, version, task, server)
    (lost,) = [one for one in told(folder) if one.missing]
    assert lost.error.startswith("could not answer: ")
    assert says in lost.error
    assert server.times[first] == times
    label = read_json(folder / "summary.json")["candidates"][lost.candidate]["scorers"]["label"]
    assert (label["n"], label["missing"]) == (3, 1)


def test_a_server_that_hangs_is_left_after_its_time_and_the_others_are_not_held_up(
    project: Project, version: Path, task: Task, server: Server
) -> None:
    first = evaluation.examples.sample(evaluation.examples.of_split(version, "validation")[0], 4)[0].prompt

    def behave(_server: Server, question: str, _times: int) -> tuple[int, Any]:
        if question == first:
            server.over.wait(20)
        return 200, chat("refund")

    server.behave = behave
    folder = measured(project, version, settled(project, task, server, timeout_seconds=0.1), server)
    (lost,) = [one for one in told(folder) if one.missing]
    assert "no answer within 0.1 s (tried 6 times)" in lost.error


def test_a_server_that_is_not_there_is_said_and_a_later_evaluation_asks_again(
    project: Project, version: Path, task: Task, server: Server
) -> None:
    server.behave = lambda *_: (500, b"down")
    folder = measured(project, version, task, server)
    assert all(one.missing for one in told(folder))
    server.behave = lambda *_: (200, chat("refund"))
    assert not any(one.missing for one in told(measured(project, version, task, server)))


def test_when_nothing_at_all_is_answered_the_job_fails_and_a_resumed_one_asks_them_all(
    project: Project, version: Path, task: Task, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_asking, "_GIVE_UP", 5)
    server.behave = lambda *_: (401, {"error": {"message": "who are you?"}})
    with pytest.raises(SystemExit):
        measured(project, version, settled(project, task, server, concurrency=2), server, limit=None)
    folder = jobs.all_jobs(project.evals)[-1]
    assert "all came to nothing" in jobs.state(folder).message
    assert "who are you?" in jobs.state(folder).message
    assert not told(folder)
    server.behave = lambda *_: (200, chat("refund"))
    with at_work(folder) as work:
        evaluation.run(folder, work)
    assert {one.answer for one in told(folder)} == {"refund"}


def test_a_job_that_is_stopped_keeps_what_was_answered(
    project: Project, version: Path, task: Task, server: Server
) -> None:
    def behave(_server: Server, _question: str, _times: int) -> tuple[int, Any]:
        if sum(server.times.values()) > 3:
            jobs.stop(jobs.all_jobs(project.evals)[-1])
            server.over.wait(20)
        return 200, chat("refund")

    server.behave = behave
    began = time.monotonic()
    with pytest.raises(SystemExit):
        measured(project, version, settled(project, task, server, concurrency=1), server, limit=None)
    folder = jobs.all_jobs(project.evals)[-1]
    assert jobs.state(folder).state == "stopped"
    assert time.monotonic() - began < 15
    assert len(told(folder)) == 3


def test_no_more_questions_are_out_at_once_than_the_task_says(
    project: Project, version: Path, task: Task, server: Server
) -> None:
    def behave(_server: Server, _question: str, _times: int) -> tuple[int, Any]:
        time.sleep(0.02)
        return 200, chat("refund")

    server.behave = behave
    measured(project, version, settled(project, task, server, concurrency=3), server, limit=None)
    assert 1 < server.most_at_once <= 3


def test_a_key_comes_from_the_environment_and_is_written_nowhere(
    project: Project, version: Path, task: Task, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_task = settled(project, task, server, api_key_env="TEST_ENDPOINT_KEY")
    with pytest.raises(NotReady, match="TEST_ENDPOINT_KEY"):
        measured(project, version, told_task, server)
    monkeypatch.setenv("TEST_ENDPOINT_KEY", SECRET)
    server.behave = lambda *_: (400, {"error": {"message": f"I do not know {SECRET}"}})
    folder = measured(project, version, told_task, server)
    assert server.keys == {f"Bearer {SECRET}"}
    assert "I do not know …" in told(folder)[0].error
    for path in project.folder.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path


def test_the_key_itself_in_the_task_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadTask) as caught:
        tasks.parse({"endpoints": {"http://x/v1": {"api_key_env": SECRET}}})
    assert "never the key itself" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "argument",
    [
        "http://host/v1", "http://host/v1#", "ftp://host/v1#m", "file:///etc/passwd#m", "host/v1#m", "#m",
        "http://me:word@host/v1#m", "http://host/v1?api_key=x#m", "http://[::1/v1#m", "http://host:0x/v1#m",
        "http://ho st/v1#m", "http:///v1#m",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_meant_or_holds_a_secret_is_bad_usage(argument: str) -> None:
    with pytest.raises(BadUsage):
        parse(f"endpoint:{argument}")


def test_a_model_may_have_an_at_sign_and_a_prompt() -> None:
    one = parse("endpoint:https://host/v1?api-version=2#owner/m@1@terse")
    assert (one.argument, one.prompt_name) == ("https://host/v1?api-version=2#owner/m@1", "terse")
    assert parse_all([one.spec]) == [one]
    made = endpoint.of(one.argument, Task())
    assert made.address == "https://host/v1/chat/completions?api-version=2"
    assert endpoint.of("http://h/v1/chat/completions#m", Task()).address == "http://h/v1/chat/completions"


def test_settings_of_one_model_go_before_those_of_the_url() -> None:
    task = Task(
        endpoints={"http://h": EndpointSettings(concurrency=2), "http://h#m": EndpointSettings(concurrency=3)}
    )
    assert [endpoint.of(f"http://h#{model}", task).settings.concurrency for model in "mn"] == [3, 2]


def test_options_change_the_request_and_make_it_another_evaluation(
    project: Project, version: Path, task: Task, server: Server
) -> None:
    first = measured(project, version, task, server, limit=None)
    spec = [f"endpoint:{server.url}#small"]
    assert evaluation.find_done(project, version, "validation", spec) == first
    other = settled(
        project, task, server, options={"max_tokens": None, "max_completion_tokens": 9, "seed": 1}
    )
    assert evaluation.find_done(project, version, "validation", spec) is None
    measured(project, version, other, server)
    assert server.asked[-1]["max_completion_tokens"] == 9
    assert server.asked[-1]["seed"] == 1
    assert "max_tokens" not in server.asked[-1]


def test_nothing_that_costs_is_asked_without_a_cap_above_the_estimate(
    project: Project, version: Path, task: Task, server: Server
) -> None:
    priced = settled(project, task, server, price_in=1000, price_out=10_000)
    for cap in (None, 0.01):
        with pytest.raises(BadUsage, match="would cost at most about") as caught:
            measured(project, version, priced, server, max_cost=cap)
    assert not server.asked
    enough = float(caught.value.hint.partition("--max-cost ")[2].partition(",")[0])
    assert all(one.answer for one in told(measured(project, version, priced, server, max_cost=enough)))
    with pytest.raises(BadUsage, match="needs prices"):
        measured(project, version, settled(project, task, server), server, max_cost=1)


def test_spending_ends_before_the_cap_when_answers_cost_more_than_was_estimated(
    project: Project, version: Path, task: Task, server: Server
) -> None:
    server.behave = lambda *_: (
        200,
        {**chat("refund"), "usage": {"prompt_tokens": 900, "completion_tokens": 900}},
    )
    priced = settled(project, task, server, price_in=1000, price_out=10_000, concurrency=1)
    with pytest.raises(SystemExit):
        measured(project, version, priced, server, limit=None, max_cost=12)
    folder = jobs.all_jobs(project.evals)[-1]
    assert "could exceed the cap of 12" in jobs.state(folder).message
    assert len(told(folder)) == len(server.asked) == 2


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["message", "content", "tool_calls", "usage", "finish_reason"]), inner),
    max_leaves=12,
).map(lambda value: json.dumps({"choices": [value]}).encode()))  # fmt: skip
def test_whatever_a_server_sends_is_an_answer_or_none(body: bytes) -> None:
    found = endpoint.read(body)
    assert found is None or found.text.encode() is not None


def test_a_reply_is_read_for_text_parts_thoughts_calls_and_why_it_ended() -> None:
    def read(message: dict[str, Any], reason: str = "stop") -> endpoint.Reply:
        found = endpoint.read(
            json.dumps(
                {"choices": [{"message": message, "finish_reason": reason}], "usage": {"prompt_tokens": -1}}
            ).encode()
        )
        assert found is not None
        return found

    assert read({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}).text == "ab"
    thinking = read({"content": "<think>hm</think>\nrefund"})
    assert (thinking.text, thinking.raw) == ("refund", "<think>hm</think>\nrefund")
    apart = read({"content": "refund", "reasoning_content": "hm"})
    assert (apart.text, apart.raw) == ("refund", "<think>hm</think>refund")
    assert (read({"content": ""}).finish, read({"content": "re"}, "length").finish) == ("empty", "length")
    call = {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"n": 1}'}}
    assert json.loads(read({"content": None, "tool_calls": [call]}).text) == [
        {"name": "find", "arguments": {"n": 1}}
    ]
    assert read({"content": "\ud800"}).text == "?"
    assert read({"content": "x"}).tokens_in is None


def test_a_question_is_never_counted_as_smaller_than_its_text() -> None:
    settings = EndpointSettings(price_in=1, price_out=2)
    request = {"messages": [{"role": "user", "content": "word " * 300}], "max_tokens": 10}
    assert price.tokens_of(request) >= 500
    assert price.at_most(settings, request) == pytest.approx((price.tokens_of(request) + 20) / 1e6)
