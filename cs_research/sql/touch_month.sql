-- One row per account, month and view: touch points per seat of the month and the mean of the last months
-- (settings.touch_months; of the months since the start, if fewer). Summed as decimals: no order of rounding.
WITH window_points AS (
  SELECT
    p.account_id, p.month_number, p.is_history, q.month_number AS booked_number, q.seats,
    COALESCE(SUM(l.points), 0) AS points,
    COALESCE(SUM(CASE WHEN l.channel = 'online' THEN l.points END), 0) AS online_points,
    COALESCE(SUM(CASE WHEN l.is_synced THEN l.points END), 0) AS synced_points
  FROM account_month AS p
  CROSS JOIN settings AS s
  JOIN account_month AS q
    ON q.account_id = p.account_id AND q.is_history = p.is_history
   AND q.month_number > p.month_number - s.touch_months AND q.month_number <= p.month_number
  LEFT JOIN touch_ledger AS l
    ON l.account_id = q.account_id AND l.month_number = q.month_number AND l.known_number <= p.known_number
  GROUP BY p.account_id, p.month_number, p.is_history, q.month_number, q.seats
)
SELECT
  account_id, month_number, is_history,
  MAX(CASE WHEN booked_number = month_number THEN points END) AS touch_points,
  MAX(CASE WHEN booked_number = month_number THEN online_points END) AS touch_points_online,
  MAX(CASE WHEN booked_number = month_number THEN CAST(points AS DOUBLE) / seats END) AS touch_score_month,
  CAST(SUM(CAST(CAST(points AS DOUBLE) / seats AS DECIMAL(28, 12))) AS DOUBLE) / COUNT(*) AS touch_score,
  CAST(SUM(CAST(CAST(synced_points AS DOUBLE) / seats AS DECIMAL(28, 12))) AS DOUBLE) / COUNT(*)
    AS touch_score_synced
FROM window_points
GROUP BY account_id, month_number, is_history
