/* One row per account, month and view: distinct users of the month. No row of usage = a real zero. */
/* Weeks of a month are days 1-7, 8-14, 15-21 and 22 to the end. Sums are cast to what Parquet can keep. */
WITH users_of_month AS (
  SELECT
    u.account_id,
    u.month_number,
    v.is_history,
    CASE WHEN v.is_history THEN u.activity_on_time ELSE u.activity END AS activity
  FROM user_month AS u
  CROSS JOIN views AS v
)
SELECT
  account_id,
  month_number,
  is_history,
  COUNT(*) AS active_users,
  CAST(SUM((
    SHIFTRIGHT(activity, 32)
  ) & 1) AS BIGINT) AS login_users,
  CAST(SUM((
    SHIFTRIGHT(activity, 33)
  ) & 1) AS BIGINT) AS core_users,
  CAST(SUM(
    (
      (
        SHIFTRIGHT(activity, 32)
      ) | (
        SHIFTRIGHT(activity, 33)
      )
    ) & 1
  ) AS BIGINT) AS covered_users,
  CAST(SUM((
    SHIFTRIGHT(activity, 34)
  ) & 1) AS BIGINT) AS key_users,
  CAST(SUM(
    CASE WHEN (
      activity & 254
    ) <> 0 THEN 1 ELSE 0 END + CASE WHEN (
      activity & 32512
    ) <> 0 THEN 1 ELSE 0 END + CASE WHEN (
      activity & 4161536
    ) <> 0 THEN 1 ELSE 0 END + CASE WHEN (
      activity & 4290772992
    ) <> 0 THEN 1 ELSE 0 END
  ) AS BIGINT) AS user_weeks,
  CAST(SUM(BIT_COUNT(activity & 4294967295)) AS BIGINT) AS user_days
FROM users_of_month
WHERE
  activity <> 0
GROUP BY
  account_id,
  month_number,
  is_history
