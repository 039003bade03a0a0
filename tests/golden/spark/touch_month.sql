/* One row per account, month and view: touch points per seat of the month and the mean of the last months */
/* (settings.touch_months; of the months since the start, if fewer). Summed as integers of 1e-12 points a seat: no */
/* order of rounding, and no engine's own way from a double to a decimal. */
WITH running AS (
  /* Seats under contract at the end of each month, by the month in which the term became known. */
  SELECT
    c.account_id,
    k.month_number AS booked_number,
    COALESCE(YEAR(c.recorded_at) * 12 + MONTH(c.recorded_at), 0) AS known_number,
    SUM(c.seats) AS seats
  FROM contracts AS c
  JOIN calendar AS k
    ON c.start_date <= k.month_end
    AND (
      c.end_date IS NULL OR c.end_date > k.month_end
    )
  GROUP BY
    c.account_id,
    k.month_number,
    COALESCE(YEAR(c.recorded_at) * 12 + MONTH(c.recorded_at), 0)
), windows AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    p.known_number,
    r.booked_number,
    SUM(r.seats) AS seats
  FROM account_month AS p
  CROSS JOIN settings AS s
  JOIN running AS r
    ON r.account_id = p.account_id
    AND r.known_number <= p.known_number
    AND r.booked_number > p.month_number - s.touch_months
    AND r.booked_number <= p.month_number
  GROUP BY
    p.account_id,
    p.month_number,
    p.is_history,
    p.known_number,
    r.booked_number
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
