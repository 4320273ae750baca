"""Twelve questions that clickstream users ask, in Athena's SQL, the same for every layout."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from clickstream_lake.lake.formats import Format


@dataclass(frozen=True, slots=True)
class Facts:
    """Values from the data that the queries ask for.

    Attributes:
        event_id: of an event in the middle of the data.
        session_id: of a long session.
        hour: the start of a busy hour, `yyyy-MM-dd HH:00:00`.
        day: whose partition is asked for.
    """

    event_id: str
    session_id: str
    hour: str
    day: date

    @property
    def where_day(self) -> str:
        """The condition that leaves one day's partition."""
        return f"year = '{self.day:%Y}' AND month = '{self.day:%m}' AND day = '{self.day:%d}'"


@dataclass(frozen=True, slots=True)
class Query:
    """One question.

    Attributes:
        name: short, for tables and plots.
        title: what it asks, in words.
        sql: with `{table}`, `{ts}` (the event's time as a timestamp in either format),
            `{where_day}` and the values of `Facts`.
    """

    name: str
    title: str
    sql: str

    def text(self, table: str, fmt: Format, facts: Facts) -> str:
        """Write the statement for one table."""
        stamp = "CAST(from_iso8601_timestamp(event_ts) AS timestamp)"
        return self.sql.format(
            table=table,
            ts=stamp if fmt == "json" else "event_ts",
            event_id=facts.event_id,
            session_id=facts.session_id,
            hour=facts.hour,
            where_day=facts.where_day,
        )


EXPORT: Final = "export"
ONE_COLUMN: Final = "one column"
PRUNED: Final = "one hour"
POINT_LOOKUP: Final = "point lookup"

SUITE: Final = (
    Query(
        ONE_COLUMN,
        "Events by type, over everything: one column",
        "SELECT event_type, COUNT(*) AS events FROM {table} GROUP BY event_type",
    ),
    Query(
        "daily counts",
        "Events by day and type",
        "SELECT year, month, day, event_type, COUNT(*) AS events FROM {table} "
        "GROUP BY year, month, day, event_type",
    ),
    Query(
        "one day",
        "Events by type on one day: partition pruning",
        "SELECT event_type, COUNT(*) AS events FROM {table} WHERE {where_day} GROUP BY event_type",
    ),
    Query(
        "session trail",
        "Every step of one session",
        "SELECT {ts} AS at, event_type, page_url FROM {table} WHERE session_id = '{session_id}'",
    ),
    Query(
        "funnel",
        "Sessions that viewed, put into the cart, checked out and bought, on one day",
        """WITH steps AS (
  SELECT session_id,
         MAX(IF(event_type = 'page_view', 1, 0)) AS viewed,
         MAX(IF(event_type = 'add_to_cart', 1, 0)) AS carted,
         MAX(IF(event_type = 'checkout', 1, 0)) AS checked_out,
         MAX(IF(event_type = 'purchase', 1, 0)) AS bought
  FROM {table} WHERE {where_day} GROUP BY session_id)
SELECT SUM(viewed) AS viewed, SUM(carted) AS carted,
       SUM(checked_out) AS checked_out, SUM(bought) AS bought FROM steps""",
    ),
    Query(
        "top pages",
        "The twenty pages seen most",
        "SELECT page_url, COUNT(*) AS views FROM {table} WHERE event_type = 'page_view' "
        "GROUP BY page_url ORDER BY views DESC, page_url LIMIT 20",
    ),
    Query(
        "revenue",
        "Revenue by country and hour",
        "SELECT country, hour({ts}) AS hour, ROUND(SUM(price * quantity), 2) AS revenue "
        "FROM {table} WHERE event_type = 'purchase' GROUP BY country, hour({ts})",
    ),
    Query(
        "sessions",
        "Distinct sessions by day",
        "SELECT year, month, day, COUNT(DISTINCT session_id) AS sessions FROM {table} "
        "GROUP BY year, month, day",
    ),
    Query(
        POINT_LOOKUP,
        "One event by its id, wherever it is",
        "SELECT event_type, {ts} AS at, session_id, page_url FROM {table} "
        "WHERE event_id = '{event_id}'",
    ),
    Query(
        "7-day trend",
        "Purchases by day, with the mean of the last seven days",
        """SELECT day_, purchases, AVG(purchases) OVER (ORDER BY day_ ROWS 6 PRECEDING) AS mean
FROM (SELECT date({ts}) AS day_, COUNT(*) AS purchases FROM {table}
      WHERE event_type = 'purchase' GROUP BY date({ts})) AS days""",
    ),
    Query(
        PRUNED,
        "Purchases in one hour, by product: statistics prune",
        "SELECT product_id, COUNT(*) AS purchases FROM {table} WHERE event_type = 'purchase' "
        "AND {ts} >= TIMESTAMP '{hour}' AND {ts} < TIMESTAMP '{hour}' + INTERVAL '1' HOUR "
        "GROUP BY product_id",
    ),
    Query(EXPORT, "SELECT * of one day", "SELECT * FROM {table} WHERE {where_day}"),
)
