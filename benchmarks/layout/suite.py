"""What is asked of every layout: eight questions, two of them for an hour."""

from typing import Final

from benchmarks.scan.suite import EXPORT, SUITE, Query

_OF_SCAN: Final = {query.name: query for query in SUITE}
QUERIES: Final = (
    _OF_SCAN["one column"],
    Query(
        "one hour",
        "Distinct pages of one hour",
        "SELECT COUNT(DISTINCT page_url) AS pages FROM {table} WHERE {ts} >= TIMESTAMP '{hour}' "
        "AND {ts} < TIMESTAMP '{hour}' + INTERVAL '1' HOUR",
    ),
    Query(
        "one type in one hour",
        "Purchases of one hour, all columns",
        "SELECT * FROM {table} WHERE event_type = 'purchase' AND {ts} >= TIMESTAMP '{hour}' "
        "AND {ts} < TIMESTAMP '{hour}' + INTERVAL '1' HOUR",
    ),
    Query(
        "event by id",
        "One event by its id, all columns",
        "SELECT * FROM {table} WHERE event_id = '{event_id}'",
    ),
    Query(
        "session by id",
        "One session by its id, all columns",
        "SELECT * FROM {table} WHERE session_id = '{session_id}'",
    ),
    _OF_SCAN["top pages"],
    Query(
        "revenue",
        "Revenue by hour",
        "SELECT date_trunc('hour', {ts}) AS hour, ROUND(SUM(price * quantity), 2) AS revenue "
        "FROM {table} WHERE event_type = 'purchase' GROUP BY 1",
    ),
    _OF_SCAN[EXPORT],
)
