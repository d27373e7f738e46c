"""The pages in docs/ say what the program does now, and describe every check in its own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.checks import CHECKS
from curation.checks.fixes import FIXES
from workbench import docs

FOLDER = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", docs.pages())
def test_a_page_is_as_make_docs_would_write_it(name):
    assert (FOLDER / name).read_text("utf-8") == docs.pages()[name], "run `make docs`"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_has_its_severity_options_false_alarms_and_fix_on_the_page(check):
    page = docs.pages()["checks.md"]
    section = page.split(f"\n## {check.name}\n")[1].split("\n## ")[0]
    assert f"**{check.title}**: severity {check.severity};" in section
    assert "- Finds: " in section and "- False alarms: " in section
    assert all(f"`{name}`" in section for name in check.options)
    assert FIXES[check.name].says in section if check.name in FIXES else "One-click fix: none" in section


def test_marks_of_markup_in_a_docstring_stay_text():
    page = docs.pages()["checks.md"]
    section = page.split("\n## template_tokens\n")[1].split("\n## ")[0]
    assert "&lt;|im_end|>" in section


def test_writing_leaves_the_pages_in_the_folder(tmp_path):
    docs.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checks.md", "recipe.md"]
