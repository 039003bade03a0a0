/* One row per account, month and view: what alerts and stages ask for. Weeks of the month in which a keyman used the */
/* service (0 to 4, empty without a keyman), days that the latest survey waits unanswered, share of the required */
/* milestones that are complete, renewals passed (due dates, see outcomes.sql, as known then). */
WITH keymen AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    COALESCE(BIT_OR(CASE WHEN p.is_history THEN m.activity_on_time ELSE m.activity END), 0) AS activity
  FROM account_month AS p
  JOIN users AS u
    ON u.account_id = p.account_id
    AND u.role = 'keyman'
    AND COALESCE(CAST(u.recorded_at AS DATE), u.activated_date, p.known_until) <= p.known_until
  LEFT JOIN user_month AS m
    ON m.account_id = p.account_id
    AND m.user_id = u.user_id
    AND m.month_number = p.month_number
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history
), placed AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY sent_date NULLS LAST, survey_id NULLS LAST) AS place
  FROM surveys
), asked AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    MAX_BY(
      CASE
        WHEN s.answered_date <= p.month_end
        THEN 0
        ELSE DATEDIFF(DAY, s.sent_date, p.month_end)
      END,
      s.place
    ) AS survey_wait_days
  FROM account_month AS p
  JOIN placed AS s
    ON s.account_id = p.account_id
    AND s.sent_date <= p.month_end
    AND (
      s.recorded_at IS NULL OR CAST(s.recorded_at AS DATE) <= p.known_until
    )
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history
), required AS (
  SELECT
    milestone
  FROM required_milestones
  UNION
  SELECT DISTINCT
    milestone
  FROM milestones
  WHERE
    NOT EXISTS(
      SELECT
        1
      FROM required_milestones
    )
), onboarded AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    COUNT(*) AS milestone_count
  FROM account_month AS p
  JOIN milestones AS m
    ON m.account_id = p.account_id
    AND m.completed_date <= p.month_end
    AND (
      m.recorded_at IS NULL OR CAST(m.recorded_at AS DATE) <= p.known_until
    )
  JOIN required AS r
    ON r.milestone = m.milestone
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history
), term_ends /* Ends of terms as in outcomes.sql, each from the day on which it, and what makes it no end, was known. */ AS (
  SELECT
    account_id,
    end_date,
    MIN(COALESCE(CAST(recorded_at AS DATE), start_date)) AS known_date
  FROM contracts
  WHERE
    NOT end_date IS NULL
  GROUP BY
    account_id,
    end_date
), longer AS (
  SELECT
    e.account_id,
    e.end_date,
    MIN(
      CASE
        WHEN DATEDIFF(DAY, o.start_date, e.end_date) > s.grace_days
        THEN COALESCE(CAST(o.recorded_at AS DATE), o.start_date)
      END
    ) AS outlasted_date,
    MIN(
      CASE
        WHEN DATEDIFF(DAY, e.end_date, o.start_date) <= s.grace_days
        THEN COALESCE(CAST(o.recorded_at AS DATE), o.start_date)
      END
    ) AS followed_date
  FROM term_ends AS e
  CROSS JOIN settings AS s
  JOIN contracts AS o
    ON o.account_id = e.account_id
    AND (
      o.end_date IS NULL OR o.end_date > e.end_date
    )
  GROUP BY
    e.account_id,
    e.end_date
), due AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    COUNT(
      CASE WHEN e.end_date <= p.month_end AND l.followed_date <= p.known_until THEN 1 END
    ) AS renewals,
    MIN(CASE WHEN e.end_date > p.month_end THEN e.end_date END) AS next_due_date
  FROM account_month AS p
  JOIN term_ends AS e
    ON e.account_id = p.account_id AND e.known_date <= p.known_until
  LEFT JOIN longer AS l
    ON l.account_id = e.account_id AND l.end_date = e.end_date
  WHERE
    l.outlasted_date IS NULL OR l.outlasted_date > p.known_until
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history
)
SELECT
  p.account_id,
  p.month_number,
  p.is_history,
  CASE
    WHEN NOT k.activity IS NULL
    THEN CASE WHEN (
      k.activity & 254
    ) <> 0 THEN 1 ELSE 0 END + CASE WHEN (
      k.activity & 32512
    ) <> 0 THEN 1 ELSE 0 END + CASE WHEN (
      k.activity & 4161536
    ) <> 0 THEN 1 ELSE 0 END + CASE WHEN (
      k.activity & 4290772992
    ) <> 0 THEN 1 ELSE 0 END
  END AS keyman_weeks,
  CAST(COALESCE(d.milestone_count, 0) AS DOUBLE) / NULLIF((
    SELECT
      COUNT(*)
    FROM required
  ), 0) AS onboarding_share,
  COALESCE(n.renewals, 0) AS renewals,
  n.next_due_date,
  COALESCE(s.survey_wait_days, 0) AS survey_wait_days
FROM account_month AS p
LEFT JOIN keymen AS k
  USING (account_id, month_number, is_history)
LEFT JOIN asked AS s
  USING (account_id, month_number, is_history)
LEFT JOIN onboarded AS d
  USING (account_id, month_number, is_history)
LEFT JOIN due AS n
  USING (account_id, month_number, is_history)
