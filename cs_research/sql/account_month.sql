-- One row per account, month and view: every account under contract on the last day of the month.
-- View is_history = TRUE knows what was recorded by the end of that month, FALSE what is known today.
-- Overlapping terms add up; ARR is empty as soon as the money of one running term is unknown.
WITH begun AS (
  SELECT
    c.account_id, c.start_date, c.seats, c.mrr, k.month, k.month_end, k.month_number, v.is_history,
    c.end_date IS NULL OR c.end_date > k.month_end AS is_running
  FROM contracts AS c
  JOIN calendar AS k ON c.start_date <= k.month_end
  CROSS JOIN views AS v
  WHERE NOT v.is_history OR c.recorded_at IS NULL OR CAST(c.recorded_at AS DATE) <= k.month_end
),
summed AS (
  SELECT
    account_id, month, month_end, month_number, is_history, MIN(start_date) AS start_date,
    SUM(CASE WHEN is_running THEN seats END) AS seats,
    SUM(CASE WHEN is_running AND mrr IS NULL THEN 1 ELSE 0 END) AS without_money,
    12 * SUM(CASE WHEN is_running THEN mrr END) AS arr
  FROM begun
  GROUP BY account_id, month, month_end, month_number, is_history
)
SELECT
  b.account_id, b.month, b.month_end, b.month_number, b.is_history,
  CASE WHEN b.is_history THEN b.month_number ELSE s.known_number END AS known_number,
  CASE WHEN b.is_history THEN b.month_end ELSE s.known_until END AS known_until,
  b.seats, CASE WHEN b.without_money = 0 THEN b.arr END AS arr, b.start_date,
  b.month_number - (YEAR(b.start_date) * 12 + MONTH(b.start_date)) AS age_months,
  DATE_DIFF('day', b.start_date, b.month_end) + 1 AS days_since_start
FROM summed AS b
CROSS JOIN settings AS s
WHERE b.seats IS NOT NULL
