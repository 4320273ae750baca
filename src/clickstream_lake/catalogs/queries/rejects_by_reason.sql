-- What was rejected in the last seven days, why, and one raw object to look at
SELECT year, month, day, reason, SUM(COALESCE(texts, 1)) AS texts, MIN(raw_key) AS example_raw_key
FROM ${rejects}
WHERE year || '-' || month || '-' || day >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
GROUP BY year, month, day, reason
ORDER BY year, month, day, texts DESC
