"""Rows with equal text. Texts are compared themselves: a hash only says which texts need comparing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def copies(cursor: duckdb.DuckDBPyConnection, texts: str) -> pa.Table:
    """The rows whose text an earlier row has already.

    Args:
        texts: name of a relation with `seq bigint, text varchar`, the text normalised and never empty.

    Returns:
        `seq`, and `first`: the smallest seq with the same text. Ordered by seq; the first rows are left out.
    """
    query = f"""
        with suspect as (
            select hash(text) as code
            from {texts}
            group by code
            having count(*) > 1
        ), compared as (
            select seq, text
            from {texts}
            semi join suspect on hash(text) = code
        ), original as (
            select text, min(seq) as first
            from compared
            group by text
        )
        select seq, first
        from compared
        join original using (text)
        where seq <> first
        order by seq
    """
    return cursor.sql(query).to_arrow_table()
