/* One row per account, event type, month and month in which it became known: rows, quantity, highest */
/* number of users active on a day. Events, and daily roll-ups of the event types that come in no event. */
WITH daily AS (
  SELECT
    account_id,
    event_type,
    quantity,
    active_users,
    YEAR(date) * 12 + MONTH(date) AS month_number,
    YEAR(recorded_at) * 12 + MONTH(recorded_at) AS recorded_number
  FROM usage_daily
  WHERE
    NOT event_type IN (
      SELECT DISTINCT
        event_type
      FROM event_month
    )
)
SELECT
  account_id,
  event_type,
  month_number,
  known_number,
  event_count,
  quantity,
  CAST(NULL AS BIGINT) AS peak_daily_users
FROM event_month
UNION ALL
SELECT
  account_id,
  event_type,
  month_number,
  CASE WHEN recorded_number > month_number THEN recorded_number ELSE month_number END AS known_number,
  SUM(quantity) AS event_count,
  SUM(quantity) AS quantity,
  MAX(active_users) AS peak_daily_users
FROM daily
GROUP BY
  account_id,
  event_type,
  month_number,
  CASE WHEN recorded_number > month_number THEN recorded_number ELSE month_number END
