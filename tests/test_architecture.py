"""House rules that a machine can check: light imports, thin screens, tables equal to folders."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("curation", "evals", "training", "workbench")
HEAVY = {
    "torch",
    "transformers",
    "pandas",
    "streamlit",
    "datasets",
    "peft",
    "trl",
    "sentence_transformers",
    "sklearn",
}
# Files that are themselves the inside of a heavy library: nothing light imports them.
INSIDE = {"training/trainer.py", "training/pair_trainer.py", "training/callback.py", "training/batches.py"}


def modules(package: str) -> list[Path]:
    return sorted(p for p in (ROOT / package).rglob("*.py") if p.name != "__main__.py")


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("package", ["curation", "evals", "training"])
def test_importing_a_bottom_module_loads_nothing_heavy(package):
    names = [dotted(path) for path in modules(package) if str(path.relative_to(ROOT)) not in INSIDE]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        f"    heavy = sorted({HEAVY!r} & set(sys.modules))\n"
        "    assert not heavy, f'{name} loads {heavy}'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]


def test_the_command_line_starts_without_torch_or_streamlit():
    code = (
        "import sys, workbench.cli; print(sorted({'torch', 'transformers', 'streamlit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_every_module_says_what_it_is_for():
    silent = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in modules(package)
        if path.read_text("utf-8").strip() and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


def test_screens_are_thin():
    for path in sorted((ROOT / "workbench" / "screens").glob("*.py")):
        text = path.read_text("utf-8")
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(text))
            for name in (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not imported & {"duckdb", "pandas"}, path.name
        assert len(text.splitlines()) <= 150, f"{path.name} has {len(text.splitlines())} lines"


def test_only_the_command_line_prints():
    for package in PACKAGES:
        for path in modules(package):
            calls = [
                node.lineno
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            ]
            assert not calls, f"{path.relative_to(ROOT)} prints in line {calls}"


def test_the_tables_of_checks_and_scorers_list_what_their_folders_hold():
    from curation import checks
    from evals import scorers

    for package, kind, table in (
        (checks, checks.Check, checks.CHECKS),
        (scorers, scorers.Scorer, scorers.SCORERS),
    ):
        held = [
            one
            for info in pkgutil.iter_modules(package.__path__)
            for one in vars(importlib.import_module(f"{package.__name__}.{info.name}")).values()
            if isinstance(one, kind)
        ]
        assert {one.name for one in held} == {one.name for one in table}
        assert len(table) == len({one.name for one in table})


def test_text_of_rows_is_never_rendered_as_markup():
    for path in modules("workbench"):
        text = path.read_text("utf-8")
        assert "unsafe_allow_html=True" not in text, path.name
        assert "unsafe_allow_javascript=True" not in text, path.name
    for path in (ROOT / "workbench").rglob("*.js"):
        assert "innerHTML" not in path.read_text("utf-8"), path.name
