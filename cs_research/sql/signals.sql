-- One row per account, month and view: what only alerts ask for. Weeks of the month in which a keyman used the
-- service (0 to 4, empty without a keyman), users who ever logged in, days that the latest survey waits unanswered.
WITH logins AS (
  SELECT account_id, user_id, MIN(month_number) AS month_number, MIN(known_number) AS known_number
  FROM user_month
  WHERE has_login = 1
  GROUP BY account_id, user_id
),
logged_in AS (
  SELECT p.account_id, p.month_number, p.is_history, COUNT(*) AS first_login_users
  FROM account_month AS p
  JOIN logins AS l ON l.account_id = p.account_id
   AND CASE WHEN p.is_history THEN l.known_number ELSE l.month_number END <= p.month_number
  GROUP BY p.account_id, p.month_number, p.is_history
),
keymen AS (
  SELECT p.account_id, p.month_number, p.is_history,
    MAX(CASE WHEN (m.days_active & 254) <> 0 THEN 1 ELSE 0 END)
      + MAX(CASE WHEN (m.days_active & 32512) <> 0 THEN 1 ELSE 0 END)
      + MAX(CASE WHEN (m.days_active & 4161536) <> 0 THEN 1 ELSE 0 END)
      + MAX(CASE WHEN m.days_active >= 4194304 THEN 1 ELSE 0 END) AS keyman_weeks   -- a bit a day, see usage_month
  FROM account_month AS p
  JOIN users AS u ON u.account_id = p.account_id AND u.role = 'keyman'
   AND (u.recorded_at IS NULL OR CAST(u.recorded_at AS DATE) <= p.known_until)
  LEFT JOIN user_month AS m ON m.account_id = p.account_id AND m.user_id = u.user_id
   AND m.month_number = p.month_number AND m.known_number <= p.known_number
  GROUP BY p.account_id, p.month_number, p.is_history
),
asked AS (
  SELECT p.account_id, p.month_number, p.is_history,
    CASE WHEN s.answered_date <= p.month_end THEN 0
         ELSE DATE_DIFF('day', s.sent_date, p.month_end) END AS survey_wait_days
  FROM account_month AS p
  JOIN surveys AS s ON s.account_id = p.account_id AND s.sent_date <= p.month_end
   AND (s.recorded_at IS NULL OR CAST(s.recorded_at AS DATE) <= p.known_until)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY p.account_id, p.month_number, p.is_history
                             ORDER BY s.sent_date DESC, s.survey_id DESC) = 1
)
SELECT
  p.account_id, p.month_number, p.is_history, k.keyman_weeks,
  COALESCE(l.first_login_users, 0) AS first_login_users,
  COALESCE(s.survey_wait_days, 0) AS survey_wait_days
FROM account_month AS p
LEFT JOIN logged_in AS l
  ON l.account_id = p.account_id AND l.month_number = p.month_number AND l.is_history = p.is_history
LEFT JOIN keymen AS k
  ON k.account_id = p.account_id AND k.month_number = p.month_number AND k.is_history = p.is_history
LEFT JOIN asked AS s
  ON s.account_id = p.account_id AND s.month_number = p.month_number AND s.is_history = p.is_history
