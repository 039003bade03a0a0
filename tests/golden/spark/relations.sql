/* One row per account, month and view: activated users, the last meetings held with the keyman and with the decision */
/* maker, surveys, goals and onboarding milestones, each as known in that view. Empty counts mean that the account has no row there. */
WITH activated AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    COUNT(CASE WHEN u.activated_date <= p.month_end THEN 1 END) AS activated_users
  FROM account_month AS p
  JOIN users AS u
    ON u.account_id = p.account_id
    AND COALESCE(CAST(u.recorded_at AS DATE), u.activated_date, p.known_until) <= p.known_until
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history
), met AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    MAX(CASE WHEN m.with_keyman THEN m.scheduled_date END) AS keyman_date,
    MAX(CASE WHEN m.with_decision_maker THEN m.scheduled_date END) AS decision_maker_date
  FROM account_month AS p
  JOIN meetings AS m
    ON m.account_id = p.account_id
    AND m.held
    AND m.scheduled_date <= p.month_end
    AND (
      m.recorded_at IS NULL OR CAST(m.recorded_at AS DATE) <= p.known_until
    )
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history
), agreed AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    COUNT(*) AS goals_agreed,
    COUNT(CASE WHEN g.achieved_date <= p.month_end THEN 1 END) AS goals_achieved,
    COUNT(
      CASE
        WHEN g.achieved_date <= p.month_end
        AND YEAR(g.achieved_date) * 12 + MONTH(g.achieved_date) > p.month_number - 3
        THEN 1
      END
    ) AS goals_achieved_3m
  FROM account_month AS p
  JOIN goals AS g
    ON g.account_id = p.account_id
    AND g.agreed_date <= p.month_end
    AND (
      g.recorded_at IS NULL OR CAST(g.recorded_at AS DATE) <= p.known_until
    )
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history
), due AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    COUNT(*) AS milestones_due,
    COUNT(CASE WHEN m.completed_date <= p.month_end THEN 1 END) AS milestones_done,
    COUNT(CASE WHEN m.completed_date <= m.due_date THEN 1 END) AS milestones_on_time
  FROM account_month AS p
  JOIN milestones AS m
    ON m.account_id = p.account_id
    AND m.due_date <= p.month_end
    AND (
      m.recorded_at IS NULL OR CAST(m.recorded_at AS DATE) <= p.known_until
    )
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history
), asked /* Surveys of the last twelve months; an answer counts once it was given. */ AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    COUNT(*) AS surveys_sent,
    COUNT(CASE WHEN s.answered_date <= p.month_end THEN 1 END) AS surveys_answered
  FROM account_month AS p
  JOIN surveys AS s
    ON s.account_id = p.account_id
    AND s.sent_date <= p.month_end
    AND YEAR(s.sent_date) * 12 + MONTH(s.sent_date) > p.month_number - 12
    AND (
      s.recorded_at IS NULL OR CAST(s.recorded_at AS DATE) <= p.known_until
    )
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history
)
SELECT
  p.account_id,
  p.month_number,
  p.is_history,
  a.activated_users,
  k.keyman_date,
  k.decision_maker_date,
  q.surveys_sent,
  q.surveys_answered,
  g.goals_agreed,
  g.goals_achieved,
  g.goals_achieved_3m,
  d.milestones_due,
  d.milestones_done,
  d.milestones_on_time
FROM account_month AS p
LEFT JOIN activated AS a
  USING (account_id, month_number, is_history)
LEFT JOIN met AS k
  USING (account_id, month_number, is_history)
LEFT JOIN agreed AS g
  USING (account_id, month_number, is_history)
LEFT JOIN due AS d
  USING (account_id, month_number, is_history)
LEFT JOIN asked AS q
  USING (account_id, month_number, is_history)
