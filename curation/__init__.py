"""Curation: rows in, verdicts on rows out; and what all four packages share.

Shared: errors, files, progress, events, jobs, project, task, example, chat (with dialect), models (with packaged),
embed. They load neither torch nor DuckDB when imported.

Curation itself: store (the one DuckDB connection) and schema.sql, importing and formats, checks, dedup, decisions,
filters, splits and allocation, versions, leakage, export.
"""
