{{ config(materialized='view') }}
SELECT day, COUNT(*) AS purchases, SUM(revenue) AS revenue
FROM {{ ref('purchases') }}
GROUP BY day
