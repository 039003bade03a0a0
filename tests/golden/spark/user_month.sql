/* One row per account, user, month and month in which it became known: the mergeable state of usage, with a bit for */
/* each day on which the user was active, and one for each week of the month (days 1-7, 8-14, 15-21, 22 to the end). */
/* The only pass over the events; everything about users comes from here. */
WITH events AS (
  SELECT
    account_id,
    user_id,
    event_type,
    YEAR(occurred_at) * 12 + MONTH(occurred_at) AS month_number,
    YEAR(recorded_at) * 12 + MONTH(recorded_at) AS recorded_number,
    DAY(occurred_at) AS day_of_month,
    COALESCE(quantity, 1) AS quantity
  FROM usage_events
), merged AS (
  SELECT
    e.account_id,
    e.user_id,
    e.month_number,
    CASE
      WHEN e.recorded_number > e.month_number
      THEN e.recorded_number
      ELSE e.month_number
    END AS known_number,
    MAX(CASE WHEN r.is_login THEN 1 ELSE 0 END) AS has_login,
    MAX(CASE WHEN r.is_core_action AND e.quantity > 0 THEN 1 ELSE 0 END) AS has_core_action,
    MAX(CASE WHEN r.is_key_feature THEN 1 ELSE 0 END) AS has_key_feature,
    BIT_OR(SHIFTLEFT(CAST(1 AS BIGINT), e.day_of_month)) AS days_active
  FROM events AS e
  LEFT JOIN event_roles AS r
    ON r.event_type = e.event_type
  GROUP BY
    e.account_id,
    e.user_id,
    e.month_number,
    CASE
      WHEN e.recorded_number > e.month_number
      THEN e.recorded_number
      ELSE e.month_number
    END
)
SELECT
  *,
  CASE WHEN (
    days_active & 254
  ) <> 0 THEN 1 ELSE 0 END + CASE WHEN (
    days_active & 32512
  ) <> 0 THEN 2 ELSE 0 END + CASE WHEN (
    days_active & 4161536
  ) <> 0 THEN 4 ELSE 0 END + CASE WHEN days_active >= 4194304 THEN 8 ELSE 0 END AS weeks_active
FROM merged
