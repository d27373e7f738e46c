"""The scorer of form in other languages than JSON's schema: does the answer parse?

Nothing is executed or fetched: XML entities are refused, SQL is only read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.parsers import expat

from evals.scorers.json_answer import as_text, code_blocks, read_json, unread
from evals.scorers.score import Argument, ParseLevel, Score, ScoringContext, scorer, shown

if TYPE_CHECKING:
    import duckdb

_LANGUAGES = ("json", "xml", "sql")


def _problem(language: str) -> str:
    return "" if language in _LANGUAGES else f"known languages are {', '.join(_LANGUAGES)}"


@scorer("parses", "Parses", takes=Argument("json|xml|sql", _problem, optional=True))
def parses(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The answer is well-formed JSON, XML or SQL; JSON where no language is named.

    Measures: 1 if a parser reads it, else 0, with what the parser says. Rule `strict`: the whole answer.
    `fenced`: or its only code block. `lenient`: for JSON as `json_valid`, for the others as `fenced`. The
    expected answer plays no part.

    Traps: SQL is read by DuckDB's parser, which is close to PostgreSQL's: MySQL's backticks and SQL
    Server's brackets do not parse, and tables need not exist. XML with a document type that declares
    entities is refused. That it parses does not make it right.

    Example: `parses:xml`; "<a><b/></a>" gives 1, "<a><b></a>" gives 0: `malformed: mismatched tag`.
    """
    language = context.argument or "json"
    if language == "json":
        return [_json(answer, context)]
    if not answer.strip():
        return [Score("parses", 0.0, "empty: the answer is empty", parse_level="none")]
    check = {"xml": _xml, "sql": _sql}[language]
    text, level, problem = _strictest(answer, check)
    if problem:
        return [Score("parses", 0.0, f"malformed: {problem}", parse_level="none")]
    if not context.accepts(level):
        reason = f"format: well-formed {language}, but only the {level} rule reads it from the answer"
        return [Score("parses", 0.0, reason, extracted=text, parse_level=level)]
    return [Score("parses", 1.0, f"parses: {language}", extracted=text, parse_level=level)]


def _json(answer: str, context: ScoringContext) -> Score:
    parsed = read_json(answer, context.finish)
    failed = unread("parses", parsed, context)
    return failed or Score(
        "parses", 1.0, "parses: json", extracted=as_text(parsed.value), parse_level=parsed.level
    )


def _strictest(answer: str, check: Callable[[str], str]) -> tuple[str, ParseLevel, str]:
    """The text that parses with the rule that reads it, else what is wrong with it."""
    blocks = code_blocks(answer)
    if len(blocks) == 1:
        inside = check(blocks[0])
        return blocks[0].strip(), "fenced" if not inside else "none", inside
    problem = check(answer)
    return answer.strip(), "none" if problem else "strict", problem


class _EntityDeclared(ValueError):
    """The document type declares an entity."""


def _xml(text: str) -> str:
    """What is wrong with a text as XML; empty for nothing."""
    parser = expat.ParserCreate()
    parser.EntityDeclHandler = _refuse_entity
    parser.ExternalEntityRefHandler = _refuse_external
    try:
        parser.Parse(text.strip().encode("utf-8", "replace"), True)
    except _EntityDeclared:
        return "it declares entities, which are not expanded"
    except expat.ExpatError as error:
        return f"{expat.ErrorString(error.code)} in line {error.lineno}, column {error.offset}"
    except (LookupError, ValueError) as error:
        return str(error)
    return ""


def _refuse_entity(*_: object) -> None:
    raise _EntityDeclared


def _refuse_external(*_: object) -> int:
    raise _EntityDeclared


def _sql(text: str) -> str:
    """What is wrong with a text as SQL; empty for nothing."""
    import duckdb

    try:
        statements = _reader().extract_statements(text)
    except duckdb.Error as error:
        return shown(str(error).partition("\n")[0], 200)
    return "" if statements else "there is no statement in it"


@lru_cache(maxsize=1)
def _reader() -> duckdb.DuckDBPyConnection:
    """A connection that only ever reads statements; nothing is run on it."""
    import duckdb

    return duckdb.connect(config={"enable_external_access": False})
