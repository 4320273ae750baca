-- Partitions of the last seven days in which the two tables differ in rows: none, if all is well
SELECT j.year, j.month, j.day, j.events AS json_events, p.events AS parquet_events
FROM (
  SELECT year, month, day, COUNT(*) AS events FROM ${json}
  WHERE year || '-' || month || '-' || day >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
  GROUP BY year, month, day
) j
FULL OUTER JOIN (
  SELECT year, month, day, COUNT(*) AS events FROM ${parquet}
  WHERE year || '-' || month || '-' || day >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
  GROUP BY year, month, day
) p ON j.year = p.year AND j.month = p.month AND j.day = p.day
WHERE j.events IS DISTINCT FROM p.events
