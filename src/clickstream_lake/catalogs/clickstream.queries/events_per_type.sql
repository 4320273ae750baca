-- Events per day and type in the last seven days, from Parquet
SELECT year, month, day, event_type, COUNT(*) AS events, COUNT(DISTINCT session_id) AS sessions
FROM ${parquet}
WHERE year || '-' || month || '-' || day >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
GROUP BY year, month, day, event_type
ORDER BY year, month, day, events DESC
