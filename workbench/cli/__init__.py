"""The command line: one file per group of commands, one place where errors become exit codes.

A command parses, calls one core function, and prints through its `Session`.
"""

from __future__ import annotations

import io
import traceback
from typing import TYPE_CHECKING, NamedTuple

import click

from curation.errors import BadUsage, ProjectBusy, TouchstoneError
from workbench.cli import (
    advise,
    compare,
    curate,
    evaluate,
    frozen,
    grade,
    importing,
    judge,
    meaning,
    project,
    publish,
    report,
    review,
    scan,
    share,
    split,
    train,
)
from workbench.cli.session import Forward, Session, person

if TYPE_CHECKING:
    from curation.store import Store

__all__ = ["Done", "Session", "execute", "main", "person", "run"]


class Sections(click.Group):
    """A group whose help lists the commands in the order of the work, under headings."""

    sections: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("Start here", ("app", "demo", "doctor", "new", "scan")),
        (
            "The data",
            (
                *("import", "mend", "task", "check", "flags", "fix", "dedup", "suspects", "vectors", "map"),
                *("rows", "decide", "undo", "redo", "history", "views", "labels", "decisions"),
            ),
        ),
        ("The held-out set", ("split", "freeze", "versions", "audit", "export")),
        ("The model", ("eval", "evals", "trend", "train", "runs", "stop", "resume", "publish")),
        (
            "The judgement",
            ("advise", "slices", "verdict", "report", "grade", "judge", "notes", "trace", "compare"),
        ),
    )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of contents."""
        for title, names in self.sections:
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(80)) for name in names])


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="touchstone-workbench", prog_name="workbench")
@click.pass_obj
def main(session: Session, debug: bool) -> None:
    """Touchstone: is this fine-tune worth shipping, and which training rows to fix when it is not.

    PROJECT is always the path of a project folder. Every command takes --json and prints one JSON object.
    """
    session.debug = debug


for module in (
    project,
    scan,
    importing,
    curate,
    meaning,
    review,
    share,
    split,
    frozen,
    evaluate,
    train,
    report,
    compare,
    advise,
    grade,
    judge,
    publish,
):
    for command in module.COMMANDS:
        main.add_command(command)


class Done(NamedTuple):
    """What a command printed and how it ended."""

    stdout: str
    stderr: str
    exit_code: int


def execute(args: list[str], store: Store | None, *, cwd: str, who: str) -> Done:
    """Run one command inside this process, with streams of its own."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = run(args, Session(stdout, stderr, cwd, who, store))
    return Done(stdout.getvalue(), stderr.getvalue(), code)


def run(args: list[str], session: Session) -> int:
    """Run one command; every error becomes two lines on stderr and an exit code."""
    try:
        code = main.main(args, prog_name="workbench", standalone_mode=False, obj=session)
        return code if isinstance(code, int) else 0
    except Forward as forward:
        return _ask_the_app(args, session, forward)
    except TouchstoneError as error:
        if session.debug:
            session.note(traceback.format_exc())
        session.note(f"Error: {error}")
        return error.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        session.note(f"Error: {error.format_message()}")
        if context is not None:
            session.note(f"See: {context.command_path} --help")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        session.note("Stopped. What was finished is kept.")
        return 130
    except Exception as error:  # noqa: BLE001  the last line of defence: a person never sees a bare traceback
        if session.debug:
            session.note(traceback.format_exc())
        session.note(
            f"Error: {type(error).__name__}: {error}\nThis is a mistake in Touchstone. --debug shows where."
        )
        return 1


def _ask_the_app(args: list[str], session: Session, forward: Forward) -> int:
    """Have the app that holds the project carry the command out, and print what it printed."""
    import json
    import urllib.error
    import urllib.request

    request = urllib.request.Request(
        f"http://127.0.0.1:{forward.port}/api/command",
        data=json.dumps({"args": args, "cwd": str(session.cwd), "who": session.who}).encode(),
        headers={"Authorization": f"Bearer {forward.token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as response:
            done = json.loads(response.read())
    except (urllib.error.URLError, OSError, ValueError) as error:
        busy = ProjectBusy(
            f"The app on port {forward.port} holds this project and did not answer: {error}",
            hint="Restart the app, or close it and try again.",
        )
        session.note(f"Error: {busy}")
        return busy.exit_code
    session.stdout.write(done["stdout"])
    session.stderr.write(done["stderr"])
    return int(done["exit_code"])


def _known_sections() -> None:
    """Every command stands under exactly one heading."""
    named = [name for _, names in Sections.sections for name in names]
    if sorted(named) != sorted(main.commands):
        raise BadUsage(f"Commands without a heading: {sorted(set(main.commands) ^ set(named))}")


_known_sections()
