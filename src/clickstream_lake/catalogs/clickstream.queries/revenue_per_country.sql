-- Purchases and revenue per country in the last thirty days, from Parquet
SELECT country, COUNT(*) AS purchases, SUM(price * quantity) AS revenue
FROM ${parquet}
WHERE year || '-' || month || '-' || day >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND event_type = 'purchase'
GROUP BY country
ORDER BY revenue DESC
