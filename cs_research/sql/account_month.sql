-- One row per account, month and view: every account under contract on the last day of the month.
-- View is_history = TRUE knows what was recorded by the end of that month, FALSE what is known today.
-- Overlapping terms add up; ARR is empty as soon as the money of one running term is unknown.
WITH starts AS (
  SELECT account_id, MIN(start_date) AS start_date
  FROM contracts
  GROUP BY account_id
),
views AS (
  SELECT TRUE AS is_history
  UNION ALL
  SELECT FALSE AS is_history
),
running AS (
  SELECT
    c.account_id, k.month, k.month_end, k.month_number, v.is_history,
    SUM(c.seats) AS seats,
    CASE WHEN COUNT(*) = COUNT(c.mrr) THEN 12 * SUM(c.mrr) END AS arr
  FROM contracts AS c
  JOIN calendar AS k ON c.start_date <= k.month_end AND (c.end_date IS NULL OR c.end_date > k.month_end)
  CROSS JOIN views AS v
  WHERE NOT v.is_history OR c.recorded_at IS NULL OR CAST(c.recorded_at AS DATE) <= k.month_end
  GROUP BY c.account_id, k.month, k.month_end, k.month_number, v.is_history
)
SELECT
  r.account_id, r.month, r.month_end, r.month_number, r.is_history,
  CASE WHEN r.is_history THEN r.month_number ELSE s.known_number END AS known_number,
  CASE WHEN r.is_history THEN r.month_end ELSE s.known_until END AS known_until,
  r.seats, r.arr, t.start_date,
  r.month_number - (YEAR(t.start_date) * 12 + MONTH(t.start_date)) AS age_months,
  DATE_DIFF('day', t.start_date, r.month_end) + 1 AS days_since_start
FROM running AS r
JOIN starts AS t ON t.account_id = r.account_id
CROSS JOIN settings AS s
