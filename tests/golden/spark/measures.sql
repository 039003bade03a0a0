/* One row per account, month and view: every measure that a card may use, side by side. */
/* Absent usage and touches are real zeros here; what the data set does not hold at all is emptied afterwards */
/* by definitions/defaults/measures.yml (`needs`). */
WITH peaks AS (
  SELECT
    u.account_id,
    u.month_number,
    v.is_history,
    MAX(u.peak_daily_users) AS peak_daily_users
  FROM account_usage AS u
  CROSS JOIN views AS v
  WHERE
    NOT u.peak_daily_users IS NULL
    AND (
      NOT v.is_history OR u.known_number = u.month_number
    )
  GROUP BY
    u.account_id,
    u.month_number,
    v.is_history
)
SELECT
  p.account_id,
  p.month,
  p.is_history,
  p.month_end,
  p.start_date,
  p.age_months,
  p.days_since_start,
  p.arr,
  p.seats,
  a.target_users,
  r.activated_users,
  COALESCE(u.active_users, 0) AS active_users,
  COALESCE(u.login_users, 0) AS login_users,
  COALESCE(u.core_users, 0) AS core_users,
  COALESCE(u.covered_users, 0) AS covered_users,
  COALESCE(u.key_users, 0) AS key_users,
  CAST(COALESCE(u.user_weeks, 0) AS DOUBLE) / 4 AS weekly_users,
  CAST(COALESCE(u.user_days, 0) * 7 AS DOUBLE) / DAY(p.month_end) AS user_days_a_week,
  CAST(COALESCE(k.stock, 0) AS DOUBLE) AS stock,
  CAST(COALESCE(k.stock_added_3m, 0) AS DOUBLE) AS stock_added_3m,
  COALESCE(d.peak_daily_users, 0) AS peak_daily_users,
  COALESCE(k.event_types_used, 0) AS event_types_used,
  t.touch_score_month,
  t.touch_score,
  t.touch_score_synced,
  CAST(t.touch_points AS DOUBLE) AS touch_points,
  CAST(t.touch_points_online AS DOUBLE) AS touch_points_online,
  CAST(DATEDIFF(DAY, COALESCE(r.keyman_date, p.start_date), p.month_end) AS DOUBLE) / 30.44 AS keyman_months,
  CAST(DATEDIFF(DAY, COALESCE(r.decision_maker_date, p.start_date), p.month_end) AS DOUBLE) / 30.44 AS decision_maker_months,
  r.surveys_sent,
  r.surveys_answered,
  r.goals_agreed,
  r.goals_achieved,
  r.goals_achieved_3m,
  r.milestones_due,
  r.milestones_done,
  r.milestones_on_time,
  g.keyman_weeks,
  CAST(COALESCE(k.first_login_users, 0) AS DOUBLE) / p.seats AS first_login_rate,
  g.survey_wait_days,
  g.onboarding_share,
  g.renewals,
  g.next_due_date
FROM account_month AS p
LEFT JOIN usage_month AS u
  USING (account_id, month_number, is_history)
LEFT JOIN account_running AS k
  USING (account_id, month_number, is_history)
LEFT JOIN peaks AS d
  USING (account_id, month_number, is_history)
LEFT JOIN touch_month AS t
  USING (account_id, month_number, is_history)
LEFT JOIN relations AS r
  USING (account_id, month_number, is_history)
LEFT JOIN signals AS g
  USING (account_id, month_number, is_history)
LEFT JOIN accounts AS a
  ON a.account_id = p.account_id
  AND COALESCE(CAST(a.recorded_at AS DATE), a.valid_from, p.known_until) <= p.known_until
