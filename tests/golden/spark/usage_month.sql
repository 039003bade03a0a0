/* One row per account, month and view: distinct users of the month. No row of usage = a real zero. */
/* days_active holds one bit per day of the month; the bits are counted by adding up halves of growing width. */
WITH users_of_month AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    u.user_id,
    MAX(u.has_login) AS has_login,
    MAX(u.has_core_action) AS has_core_action,
    MAX(u.has_key_feature) AS has_key_feature,
    BIT_OR(u.days_active) AS days_active,
    BIT_OR(u.weeks_active) AS weeks_active
  FROM account_month AS p
  JOIN user_month AS u
    ON u.account_id = p.account_id
    AND u.month_number = p.month_number
    AND u.known_number <= p.known_number
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history,
    u.user_id
), pairs AS (
  SELECT
    *,
    days_active - (
      (
        SHIFTRIGHT(days_active, 1)
      ) & 1431655765
    ) AS twos
  FROM users_of_month
), fours AS (
  SELECT
    *,
    (
      twos & 858993459
    ) + (
      (
        SHIFTRIGHT(twos, 2)
      ) & 858993459
    ) AS fours
  FROM pairs
), counted AS (
  SELECT
    *,
    SHIFTRIGHT(
      (
        (
          (
            (
              fours + (
                SHIFTRIGHT(fours, 4)
              )
            ) & 252645135
          ) * 16843009
        ) & 4294967295
      ),
      24
    ) AS day_count
  FROM fours
)
SELECT
  account_id,
  month_number,
  is_history,
  COUNT(*) AS active_users,
  SUM(has_login) AS login_users,
  SUM(has_core_action) AS core_users,
  SUM(GREATEST(has_login, has_core_action)) AS covered_users,
  SUM(has_key_feature) AS key_users,
  SUM(
    (
      weeks_active & 1
    ) + (
      (
        SHIFTRIGHT(weeks_active, 1)
      ) & 1
    ) + (
      (
        SHIFTRIGHT(weeks_active, 2)
      ) & 1
    ) + (
      SHIFTRIGHT(weeks_active, 3)
    )
  ) AS user_weeks,
  SUM(day_count) AS user_days
FROM counted
GROUP BY
  account_id,
  month_number,
  is_history
