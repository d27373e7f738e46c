"""The one process of the app: it holds the database, serves the screens, and carries out CLI commands.

The database is opened before the first request and closed after the last one; jobs are other processes
and go on when this one ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import streamlit as st
from anyio import to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

from curation.errors import ProjectBusy, TouchstoneError
from curation.project import Project
from workbench import state, theme
from workbench.gate import TokenGate

DEFAULT_PORT = 8501
_FORCE_AFTER_SECONDS = 4.0
SCRIPT = Path(__file__).with_name("app.py")


def serve(
    project: Project | None,
    port: int | None = None,
    *,
    announce: Callable[[str], None],
    debug: bool = False,
    upload_megabytes: int = 1024,
) -> None:
    """Run the app until SIGTERM or Ctrl-C.

    Args:
        project: what to open; None shows a picker.
        port: None takes the usual port, or a free one when that is taken.
        announce: called once with the whole address, token included, when the app answers.
        debug: show tracebacks in the page.
        upload_megabytes: the largest file the browser may send.

    Raises:
        ProjectBusy: the project is open elsewhere. TouchstoneError: the port is taken.
    """
    place = project.folder if project else Path.cwd().resolve()
    state.workspace.token = state.token_for(place)
    state.workspace.port = _free_port(port)
    state.workspace.root = Path.cwd().resolve()
    if project is not None:
        _refuse_second_app(project)
        state.open_project(project.folder)
    try:
        _application(announce).run(config=_options(state.workspace.port, debug, upload_megabytes))
    finally:
        state.close_project()


def address(port: int, token: str) -> str:
    """The address a person opens."""
    return f"http://127.0.0.1:{port}/?token={token}"


def _application(announce: Callable[[str], None]) -> st.App:
    @asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
        _force_the_end()
        announce(address(state.workspace.port, state.workspace.token))
        yield {}
        await to_thread.run_sync(state.close_project)

    return st.App(
        SCRIPT,
        lifespan=lifespan,
        routes=[Route("/api/command", _command, methods=["POST"]), Route("/overview", _home)],
        middleware=[Middleware(TokenGate, token=state.workspace.token)],
    )


async def _command(request: Request) -> JSONResponse:
    """Carry out one CLI command on the open project; the caller prints what it returns."""
    try:
        body = await request.json()
        args = [str(arg) for arg in body["args"]]
        cwd, who = str(body.get("cwd") or Path.cwd()), str(body.get("who") or state.who())
    except (ValueError, KeyError, TypeError, AttributeError):
        return JSONResponse({"error": 'Expected {"args": [...], "cwd": ..., "who": ...}.'}, status_code=400)
    if state.workspace.store is None:
        return JSONResponse({"error": "No project is open in the app."}, status_code=409)
    opened = state.workspace.store

    def run() -> dict[str, object]:
        from workbench import cli

        return cli.execute(args, opened, cwd=cwd, who=who)._asdict()

    return JSONResponse(await to_thread.run_sync(run))


async def _home(request: Request) -> RedirectResponse:
    """The first screen answers at the root alone."""
    return RedirectResponse("/" + (f"?{request.url.query}" if request.url.query else ""))


def _options(port: int, debug: bool, upload_megabytes: int) -> dict[str, object]:
    return {
        "server.address": "127.0.0.1",
        "server.port": port,
        "server.headless": True,
        "server.allowedHosts": ["127.0.0.1", "localhost"],
        "server.fileWatcherType": "none",
        "server.maxUploadSize": upload_megabytes,
        "server.enableAgentApi": False,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,
        "client.showErrorDetails": "full" if debug else "none",
        "runner.magicEnabled": False,
        **theme.options(),
    }


def _free_port(wanted: int | None) -> int:
    for port in (wanted,) if wanted else (DEFAULT_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if wanted:
                    raise TouchstoneError(
                        f"Port {wanted} is taken.", hint="Choose another with --port."
                    ) from error
                continue
            found: int = probe.getsockname()[1]
            return found
    raise TouchstoneError("No free port was found on this machine.")


def _refuse_second_app(project: Project) -> None:
    try:
        other = json.loads(project.app_file.read_text("utf-8"))
        os.kill(int(other["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return
    raise ProjectBusy(
        "The app has this project open already.",
        where=str(project.folder),
        hint=f"It is at {address(other['port'], other['token'])}",
    )


def _force_the_end() -> None:
    """Let a signal end the process within five seconds, even while a long command is at work.

    Uvicorn waits for open requests. What a command has committed is safe; the rest is undone on the next start.
    """
    for name in (signal.SIGTERM, signal.SIGINT):
        gently = signal.getsignal(name)

        def handler(number: int, frame: FrameType | None, gently: Any = gently) -> None:  # noqa: ANN401
            timer = threading.Timer(_FORCE_AFTER_SECONDS, _leave)
            timer.daemon = True
            timer.start()
            if callable(gently):
                gently(number, frame)

        try:
            signal.signal(name, handler)
        except ValueError:
            return  # not in the main thread: somebody else runs the server and its signals


def _leave() -> None:
    if state.workspace.store is not None:
        state.workspace.store.project.app_file.unlink(missing_ok=True)
    os._exit(0)
