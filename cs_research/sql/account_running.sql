-- One row per account, month and view: what accumulates. Core objects held (from the start of the data; a negative
-- quantity takes away) and those of them added in three months, kinds of events used and users logged in so far.
-- Each is a running sum of steps: up in the month in which the view learns of it, down where it grows too old.
WITH core AS (
  SELECT u.account_id, v.is_history, u.month_number + 3 AS left_number, u.quantity,
    CASE WHEN v.is_history THEN u.known_number ELSE u.month_number END AS month_number
  FROM account_usage AS u
  JOIN event_roles AS r ON r.event_type = u.event_type AND r.is_core_action
  CROSS JOIN views AS v
),
first_uses AS (
  SELECT account_id, event_type, MIN(month_number) AS month_number, MIN(known_number) AS known_number
  FROM account_usage
  GROUP BY account_id, event_type
),
first_logins AS (
  SELECT account_id, user_id, MIN(month_number) AS month_number, MIN(login_known_number) AS known_number
  FROM user_month
  WHERE login_known_number IS NOT NULL
  GROUP BY account_id, user_id
),
steps AS (
  SELECT account_id, is_history, month_number, quantity AS stock,
    CASE WHEN month_number < left_number THEN quantity ELSE 0 END AS stock_added_3m,
    0 AS event_types_used, 0 AS first_login_users
  FROM core
  UNION ALL
  SELECT account_id, is_history, left_number, 0, -quantity, 0, 0
  FROM core
  WHERE month_number < left_number
  UNION ALL
  SELECT f.account_id, v.is_history, CASE WHEN v.is_history THEN f.known_number ELSE f.month_number END, 0, 0, 1, 0
  FROM first_uses AS f
  CROSS JOIN views AS v
  UNION ALL
  SELECT l.account_id, v.is_history, CASE WHEN v.is_history THEN l.known_number ELSE l.month_number END, 0, 0, 0, 1
  FROM first_logins AS l
  CROSS JOIN views AS v
  UNION ALL
  SELECT account_id, is_history, month_number, 0, 0, 0, 0
  FROM account_month
),
months AS (
  SELECT account_id, is_history, month_number, SUM(stock) AS stock, SUM(stock_added_3m) AS stock_added_3m,
    SUM(event_types_used) AS event_types_used, SUM(first_login_users) AS first_login_users
  FROM steps
  GROUP BY account_id, is_history, month_number
),
running AS (
  SELECT account_id, is_history, month_number,
    SUM(stock) OVER so_far AS stock,
    SUM(stock_added_3m) OVER so_far AS stock_added_3m,
    SUM(event_types_used) OVER so_far AS event_types_used,
    SUM(first_login_users) OVER so_far AS first_login_users
  FROM months
  WINDOW so_far AS (PARTITION BY account_id, is_history ORDER BY month_number)
)
SELECT r.account_id, r.month_number, r.is_history, r.stock, r.stock_added_3m, r.event_types_used,
  r.first_login_users
FROM running AS r
JOIN account_month AS p
  ON p.account_id = r.account_id AND p.month_number = r.month_number AND p.is_history = r.is_history
