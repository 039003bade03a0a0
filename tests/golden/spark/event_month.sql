/* One row per account, event type, month and month in which it became known: events and their quantity. The second */
/* pass over the events. */
WITH events AS (
  SELECT
    account_id,
    event_type,
    COALESCE(quantity, 1) AS quantity,
    YEAR(occurred_at) * 12 + MONTH(occurred_at) AS month_number,
    YEAR(recorded_at) * 12 + MONTH(recorded_at) AS recorded_number
  FROM usage_events
)
SELECT
  account_id,
  event_type,
  month_number,
  CASE WHEN recorded_number > month_number THEN recorded_number ELSE month_number END AS known_number,
  COUNT(*) AS event_count,
  SUM(quantity) AS quantity
FROM events
GROUP BY
  account_id,
  event_type,
  month_number,
  CASE WHEN recorded_number > month_number THEN recorded_number ELSE month_number END
