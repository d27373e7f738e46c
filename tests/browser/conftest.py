"""One Chromium for all browser tests; each test gets its own app, started through the real command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from curation import files, importing, project, store

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DOWN = (  # what a page says when its server was ended on purpose
    "WebSocket",
    "net::ERR_",
    "dynamically imported module",
    "disconnected from server",
    "not responding",
    "Failed to fetch",
    "NetworkError",
    "AxiosError",
)
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]'
expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failed browser test leaves a picture of its pages beside its project."""
    report = yield
    if report.when == "call" and report.failed and "visit" in item.funcargs:
        for n, page in enumerate(item.funcargs["visit"].pages):
            page.screenshot(path=str(item.funcargs["tmp_path"] / f"failed-{n}.png"))
    return report


@dataclass
class Watch:
    """What must not happen while a page is open: errors, and requests to anywhere else."""

    problems: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def on(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.note(f"page error: {error}"))
        page.on(
            "console",
            lambda said: self.note(f"console: {said.text} {said.location}") if said.type == "error" else None,
        )
        page.on("request", self.request)

    def request(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.note(f"request to {request.url}")

    def note(self, text: str) -> None:
        # On a deep link Streamlit's own page looks for its server below that link before it looks at the root.
        if "_stcore/" in text or any(part in text for part in self.expected):
            return
        self.problems.append(text)


@dataclass
class App:
    """The running app of one project."""

    folder: Path | None
    port: int
    cwd: Path
    environment: dict[str, str]
    watch: Watch
    process: subprocess.Popen[str] | None = None
    url: str = ""

    @property
    def log(self) -> IO[str]:
        """What the app says on stderr: beside the project, for when a test fails."""
        return (self.folder or self.cwd / "app").with_suffix(".log").open("a")

    def start(self) -> None:
        opened = [str(self.folder)] if self.folder else []
        with self.log as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workbench", "app", *opened, "--port", str(self.port)],
                cwd=self.cwd,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if "?token=" in line:
                self.url = line.split()[-1]
                break
        self.process.stdout.close()
        assert self.url, "".join(said)

    @property
    def root(self) -> str:
        return self.url.partition("/?")[0]

    @property
    def token(self) -> str:
        return self.url.partition("token=")[2]

    def at(self, path: str) -> str:
        return f"{self.root}/{path}{'&' if '?' in path else '?'}token={self.token}"

    def kill(self) -> None:
        self.watch.expected = DOWN
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self) -> float:
        """End it as a service manager would; returns the seconds it took."""
        self.watch.expected = DOWN
        if self.process is None:
            return 0.0
        began = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        finally:
            self.process.kill()
        return time.monotonic() - began


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS
        )
        yield started
        started.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    watched = Watch()
    yield watched
    assert watched.problems == []


@pytest.fixture
def visit(browser: Browser, watch: Watch) -> Iterator[Callable[..., Page]]:
    """Open an address of an app in a fresh context and wait until it is drawn."""
    contexts: list[BrowserContext] = []

    def open_(address: str, *, width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        open_.pages.append(page)
        watch.on(page)
        page.goto(address)
        page.wait_for_selector(IDLE, timeout=60_000)
        return page

    open_.pages = []
    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def start(tmp_path: Path, watch: Watch) -> Iterator[Callable[[Path], App]]:
    """Start the app on a project."""
    apps: list[App] = []
    cache = tmp_path / "cache"
    cache.mkdir()
    for shared in files.cache_folder().iterdir():
        if shared.is_dir():  # converted models; the device lock stays this test's own
            (cache / shared.name).symlink_to(shared)
    environment = os.environ | {
        "TOUCHSTONE_CACHE": str(cache),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "HF_HUB_OFFLINE": "1",
    }

    def begin(folder: Path | None, cwd: Path = ROOT) -> App:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        app = App(folder, port, cwd, environment, watch)
        apps.append(app)
        app.start()
        return app

    yield begin
    for app in apps:
        app.stop()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """A project with these chats imported."""

    def build(chats: list[list[dict[str, Any]]], name: str = "project") -> Path:
        file = tmp_path / f"{name}.jsonl"
        file.write_text("\n".join(json.dumps({"messages": chat}) for chat in chats), "utf-8")
        opened = store.create(project.reserve(tmp_path / name))
        importing.import_file(opened, file, who="test")
        opened.close()
        return tmp_path / name

    return build


def chat(user: str, answer: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]


def decisions_in(folder: Path) -> list[tuple[int, str]]:
    """What the database holds once the app has ended: (seq, decision) of every example."""
    with store.open_store(project.locate(folder)) as opened:
        return opened.rows("select seq, decision from example order by seq")
