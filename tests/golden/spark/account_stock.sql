/* One row per account, month and view: the core objects held (they accumulate from the start of the data; */
/* a negative quantity takes away), those added in three months, the kinds of events used so far. */
SELECT
  p.account_id,
  p.month_number,
  p.is_history,
  SUM(CASE WHEN r.is_core_action THEN u.quantity ELSE 0 END) AS stock,
  SUM(
    CASE
      WHEN r.is_core_action AND u.month_number > p.month_number - 3
      THEN u.quantity
      ELSE 0
    END
  ) AS stock_added_3m,
  COUNT(DISTINCT u.event_type) AS event_types_used,
  MAX(CASE WHEN u.month_number = p.month_number THEN u.peak_daily_users END) AS peak_daily_users
FROM account_month AS p
JOIN account_usage AS u
  ON u.account_id = p.account_id
  AND u.month_number <= p.month_number
  AND u.known_number <= p.known_number
LEFT JOIN event_roles AS r
  ON r.event_type = u.event_type
GROUP BY
  p.account_id,
  p.month_number,
  p.is_history
