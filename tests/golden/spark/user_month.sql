/* One row per account, user and month: the mergeable state of usage, and the first of two passes over the events. */
/* `activity` holds one bit per day on which the user was active (bits 1 to 31), then login (32), core action (33) and */
/* key feature (34); `activity_on_time` the same of what was recorded by the end of the month. */
WITH events AS (
  SELECT
    e.account_id,
    e.user_id,
    YEAR(e.occurred_at) * 12 + MONTH(e.occurred_at) AS month_number,
    YEAR(e.recorded_at) * 12 + MONTH(e.recorded_at) AS recorded_number,
    r.is_login,
    (
      SHIFTLEFT(CAST(1 AS BIGINT), DAY(e.occurred_at))
    ) + CASE WHEN r.is_login THEN 4294967296 ELSE 0 END + CASE
      WHEN r.is_core_action AND COALESCE(e.quantity, 1) > 0
      THEN 8589934592
      ELSE 0
    END + CASE WHEN r.is_key_feature THEN 17179869184 ELSE 0 END AS activity
  FROM usage_events AS e
  LEFT JOIN event_roles AS r
    ON r.event_type = e.event_type
)
SELECT
  account_id,
  user_id,
  month_number,
  BIT_OR(activity) AS activity,
  BIT_OR(CASE WHEN recorded_number > month_number THEN 0 ELSE activity END) AS activity_on_time,
  MIN(
    CASE
      WHEN is_login
      THEN CASE WHEN recorded_number > month_number THEN recorded_number ELSE month_number END
    END
  ) AS login_known_number
FROM events
GROUP BY
  account_id,
  user_id,
  month_number
