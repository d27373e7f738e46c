"""The group fields of an example: what a person can name to keep rows together."""

from __future__ import annotations

NO_GROUP = "none"


def group_values(field: str | None) -> str:
    """SQL for `seq, group_key`: every group an example belongs to, by all its appearances.

    Args:
        field: a field of the metadata; None: what was mapped on import, where the example's own value, which a
            person may have changed, stands for its first appearance; `none`: no groups.
    """
    if field is None:
        return """
            select seq, group_key
            from example
            where group_key is not null
            union
            select o.seq, o.group_key
            from occurrence o
            join example e using (seq)
            where o.group_key is not null and (o.source <> e.source or o.line <> e.line)
        """
    if field == NO_GROUP:
        return "select 0::bigint as seq, '' as group_key where false"
    path = '$."' + field.replace("\\", "\\\\").replace('"', '\\"').replace("'", "''") + '"'
    return f"""
        select distinct seq, json_extract_string(metadata, '{path}') as group_key
        from occurrence
        where json_extract_string(metadata, '{path}') is not null
    """
