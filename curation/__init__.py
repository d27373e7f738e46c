"""Curation: rows in, verdicts on rows out; and what all four packages share.

Shared: errors, files, progress, events, jobs (with work), project, task, example, chat (with dialect), models (with
packaged and model_hub), embed. They load neither torch nor DuckDB when imported.

Curation itself: store (the one DuckDB connection) and schema.sql; importing with preview, formats, owned (sets of
others) and mending (rows kept aside); checks; dedup, meaning (vectors) and label_errors; decisions with changes,
history, labels and exchange; filters and views; groups, splits, versions, leakage, export.
"""
