/* One row per account, month and view: touch points per seat of the month and the mean of the last months */
/* (settings.touch_months; of the months since the start, if fewer). Summed as integers of 1e-12 points a seat: no */
/* order of rounding, and no engine's own way from a double to a decimal. */
WITH windows AS (
  /* The seats of each month of the mean, by the terms known when the month of the score closed. */
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    p.known_number,
    k.month_number AS booked_number,
    SUM(c.seats) AS seats
  FROM account_month AS p
  CROSS JOIN settings AS s
  JOIN calendar AS k
    ON k.month_number > p.month_number - s.touch_months
    AND k.month_number <= p.month_number
  JOIN contracts AS c
    ON c.account_id = p.account_id
    AND c.start_date <= k.month_end
    AND (
      c.end_date IS NULL OR c.end_date > k.month_end
    )
    AND (
      c.recorded_at IS NULL OR CAST(c.recorded_at AS DATE) <= p.known_until
    )
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history,
    p.known_number,
    k.month_number
), window_points AS (
  SELECT
    w.account_id,
    w.month_number,
    w.is_history,
    w.booked_number,
    w.seats,
    COALESCE(SUM(l.points), 0) AS points,
    COALESCE(SUM(CASE WHEN l.channel = 'online' THEN l.points END), 0) AS online_points,
    COALESCE(SUM(CASE WHEN l.is_synced THEN l.points END), 0) AS synced_points
  FROM windows AS w
  LEFT JOIN touch_ledger AS l
    ON l.account_id = w.account_id
    AND l.month_number = w.booked_number
    AND l.known_number <= w.known_number
  GROUP BY
    w.account_id,
    w.month_number,
    w.is_history,
    w.booked_number,
    w.seats
)
SELECT
  account_id,
  month_number,
  is_history,
  MAX(CASE WHEN booked_number = month_number THEN points END) AS touch_points,
  MAX(CASE WHEN booked_number = month_number THEN online_points END) AS touch_points_online,
  MAX(CASE WHEN booked_number = month_number THEN CAST(points AS DOUBLE) / seats END) AS touch_score_month,
  CAST(SUM(CAST(FLOOR(CAST(points AS DOUBLE) / seats * 1e12 + 0.5) AS BIGINT)) AS DOUBLE) / 1e12 / COUNT(*) AS touch_score,
  CAST(SUM(CAST(FLOOR(CAST(synced_points AS DOUBLE) / seats * 1e12 + 0.5) AS BIGINT)) AS DOUBLE) / 1e12 / COUNT(*) AS touch_score_synced
FROM window_points
GROUP BY
  account_id,
  month_number,
  is_history
