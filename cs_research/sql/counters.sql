-- One row per account, month, view and counter: the monthly sums that the data set's events.yml declares.
SELECT
  p.account_id, p.month_number, p.is_history, c.counter,
  SUM(CASE WHEN c.sums_quantity THEN u.quantity ELSE u.event_count END) AS amount
FROM account_month AS p
JOIN account_usage AS u
  ON u.account_id = p.account_id AND u.month_number = p.month_number AND u.known_number <= p.known_number
JOIN counter_types AS c ON c.event_type = u.event_type
GROUP BY p.account_id, p.month_number, p.is_history, c.counter
