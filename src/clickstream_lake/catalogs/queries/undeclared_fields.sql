-- Fields that producers send but the catalog does not declare, in the last day: candidates for columns
SELECT field, COUNT(*) AS events
FROM ${parquet}
CROSS JOIN UNNEST(map_keys(CAST(json_parse(extra) AS MAP(VARCHAR, JSON)))) AS t (field)
WHERE year || '-' || month || '-' || day >= date_format(current_date - INTERVAL '1' DAY, '%Y-%m-%d')
  AND extra IS NOT NULL
GROUP BY field
ORDER BY events DESC
