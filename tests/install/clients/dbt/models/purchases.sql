{{ config(materialized='incremental', incremental_strategy='append', format='parquet', partitioned_by=['day']) }}
SELECT event_id, price * quantity AS revenue, day
FROM {{ source('lake', 'clickstream_events_parquet') }}
WHERE event_type = 'purchase'
{% if is_incremental() %}
  AND event_id NOT IN (SELECT event_id FROM {{ this }})
{% endif %}
