{{ config(materialized='table', format='parquet') }}
SELECT event_type, COUNT(*) AS events
FROM {{ source('lake', 'clickstream_events_parquet') }}
GROUP BY event_type
