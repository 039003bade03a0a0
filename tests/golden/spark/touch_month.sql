/* One row per account, month and view: touch points per seat of the month and the mean of the last months */
/* (settings.touch_months; of the months since the start, if fewer). Summed as integers of 1e-12 points a seat: no */
/* order of rounding, and no engine's own way from a double to a decimal. */
WITH windows AS (
  /* How many months back the mean reaches: 0 is the month itself. */
  SELECT
    k.month_number - s.first_number AS months_back
  FROM calendar AS k
  CROSS JOIN settings AS s
  WHERE
    k.month_number - s.first_number < s.touch_months
), terms AS (
  SELECT
    c.account_id,
    k.month_number,
    COALESCE(CAST(c.recorded_at AS DATE), CAST('0001-01-01' AS DATE)) AS known_date,
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
    COALESCE(CAST(c.recorded_at AS DATE), CAST('0001-01-01' AS DATE))
), seats /* Seats and points of a month as they were known from one day, or month, until before the next. */ AS (
  SELECT
    t.account_id,
    t.month_number + w.months_back AS month_number,
    w.months_back,
    t.known_date,
    COALESCE(LEAD(t.known_date) OVER known, CAST('9999-12-31' AS DATE)) AS until_date,
    CAST(SUM(t.seats) OVER known AS DOUBLE) AS seats
  FROM terms AS t
  CROSS JOIN windows AS w
  WINDOW known AS (
    PARTITION BY t.account_id, t.month_number, w.months_back
    ORDER BY t.known_date NULLS LAST
  )
), booked AS (
  SELECT
    account_id,
    month_number,
    known_number,
    SUM(points) AS points,
    SUM(CASE WHEN channel = 'online' THEN points ELSE 0 END) AS online_points,
    SUM(CASE WHEN is_synced THEN points ELSE 0 END) AS synced_points
  FROM touch_ledger
  GROUP BY
    account_id,
    month_number,
    known_number
), points AS (
  SELECT
    account_id,
    month_number,
    known_number,
    COALESCE(LEAD(known_number) OVER known, 999999) AS until_number,
    SUM(points) OVER known AS points,
    SUM(online_points) OVER known AS online_points,
    SUM(synced_points) OVER known AS synced_points
  FROM booked
  WINDOW known AS (PARTITION BY account_id, month_number ORDER BY known_number NULLS LAST)
), window_points AS (
  SELECT
    p.account_id,
    p.month_number,
    p.is_history,
    s.months_back,
    s.seats,
    COALESCE(l.points, 0) AS points,
    COALESCE(l.online_points, 0) AS online_points,
    COALESCE(l.synced_points, 0) AS synced_points
  FROM account_month AS p
  JOIN seats AS s
    ON s.account_id = p.account_id
    AND s.month_number = p.month_number
    AND s.known_date <= p.known_until
    AND p.known_until < s.until_date
  LEFT JOIN points AS l
    ON l.account_id = p.account_id
    AND l.month_number = p.month_number - s.months_back
    AND l.known_number <= p.known_number
    AND p.known_number < l.until_number
)
SELECT
  account_id,
  month_number,
  is_history,
  MAX(CASE WHEN months_back = 0 THEN points END) AS touch_points,
  MAX(CASE WHEN months_back = 0 THEN online_points END) AS touch_points_online,
  MAX(CASE WHEN months_back = 0 THEN CAST(points AS DOUBLE) / seats END) AS touch_score_month,
  CAST(SUM(CAST(FLOOR(CAST(points AS DOUBLE) / seats * 1e12 + 0.5) AS BIGINT)) AS DOUBLE) / 1e12 / COUNT(*) AS touch_score,
  CAST(SUM(CAST(FLOOR(CAST(synced_points AS DOUBLE) / seats * 1e12 + 0.5) AS BIGINT)) AS DOUBLE) / 1e12 / COUNT(*) AS touch_score_synced
FROM window_points
GROUP BY
  account_id,
  month_number,
  is_history
