/* One row per account, event type, month and month in which it became known: rows, quantity, highest */
/* number of users active on a day. Events, and daily roll-ups of the event types that come in no event. */
WITH usage AS (
  SELECT
    account_id,
    event_type,
    occurred_at,
    recorded_at,
    1 AS event_count,
    COALESCE(quantity, 1) AS quantity,
    CAST(NULL AS BIGINT) AS active_users
  FROM usage_events
  UNION ALL
  SELECT
    account_id,
    event_type,
    CAST(date AS TIMESTAMP_NTZ) AS occurred_at,
    recorded_at,
    quantity AS event_count,
    quantity,
    active_users
  FROM usage_daily
  WHERE
    NOT event_type IN (
      SELECT
        event_type
      FROM usage_events
    )
), dated AS (
  SELECT
    account_id,
    event_type,
    event_count,
    quantity,
    active_users,
    YEAR(occurred_at) * 12 + MONTH(occurred_at) AS month_number,
    YEAR(recorded_at) * 12 + MONTH(recorded_at) AS recorded_number
  FROM usage
)
SELECT
  account_id,
  event_type,
  month_number,
  CASE WHEN recorded_number > month_number THEN recorded_number ELSE month_number END AS known_number,
  SUM(event_count) AS event_count,
  SUM(quantity) AS quantity,
  MAX(active_users) AS peak_daily_users
FROM dated
GROUP BY
  account_id,
  event_type,
  month_number,
  CASE WHEN recorded_number > month_number THEN recorded_number ELSE month_number END
