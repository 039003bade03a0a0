/* One row per account, month, view and counter: the monthly sums that the data set's events.yml declares, and the */
/* touches that a reaction of touch_points.yml counts (a user and content once; others alone, or as recipients). */
WITH reacted AS (
  SELECT
    t.account_id,
    c.counter,
    t.month_number,
    MIN(
      CASE
        WHEN t.recorded_number > t.month_number
        THEN t.recorded_number
        ELSE t.month_number
      END
    ) AS known_number,
    MAX(CASE WHEN t.user_id IS NULL THEN COALESCE(t.recipients, 1) ELSE 1 END) AS amount
  FROM (
    SELECT
      *,
      YEAR(occurred_at) * 12 + MONTH(occurred_at) AS month_number,
      YEAR(recorded_at) * 12 + MONTH(recorded_at) AS recorded_number,
      CASE WHEN user_id IS NULL OR content_id IS NULL THEN touch_id ELSE '' END AS alone
    FROM touches
  ) AS t
  JOIN touch_counters AS c
    ON c.touch_type = t.touch_type
  GROUP BY
    t.account_id,
    c.counter,
    t.month_number,
    t.alone,
    COALESCE(t.user_id, ''),
    COALESCE(t.content_id, '')
)
SELECT
  p.account_id,
  p.month_number,
  p.is_history,
  c.counter,
  SUM(CASE WHEN c.sums_quantity THEN u.quantity ELSE u.event_count END) AS amount
FROM account_month AS p
JOIN account_usage AS u
  ON u.account_id = p.account_id
  AND u.month_number = p.month_number
  AND u.known_number <= p.known_number
JOIN counter_types AS c
  ON c.event_type = u.event_type
GROUP BY
  p.account_id,
  p.month_number,
  p.is_history,
  c.counter
UNION ALL
SELECT
  p.account_id,
  p.month_number,
  p.is_history,
  r.counter,
  SUM(r.amount) AS amount
FROM account_month AS p
JOIN reacted AS r
  ON r.account_id = p.account_id
  AND r.month_number = p.month_number
  AND r.known_number <= p.known_number
GROUP BY
  p.account_id,
  p.month_number,
  p.is_history,
  r.counter
