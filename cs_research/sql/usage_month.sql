-- One row per account, month and view: distinct users of the month. No row of usage = a real zero.
WITH users_of_month AS (
  SELECT
    p.account_id, p.month_number, p.is_history, u.user_id,
    MAX(u.has_login) AS has_login,
    MAX(u.has_core_action) AS has_core_action,
    MAX(u.has_key_feature) AS has_key_feature,
    MAX(u.in_week_1) + MAX(u.in_week_2) + MAX(u.in_week_3) + MAX(u.in_week_4) AS weeks
  FROM account_month AS p
  JOIN user_month AS u
    ON u.account_id = p.account_id AND u.month_number = p.month_number AND u.known_number <= p.known_number
  GROUP BY p.account_id, p.month_number, p.is_history, u.user_id
)
SELECT
  account_id, month_number, is_history,
  COUNT(*) AS active_users,
  SUM(has_login) AS login_users,
  SUM(has_core_action) AS core_users,
  SUM(has_key_feature) AS key_users,
  SUM(weeks) AS user_weeks
FROM users_of_month
GROUP BY account_id, month_number, is_history
