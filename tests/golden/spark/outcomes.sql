/* One row per account and due date: the day its last running term ends, and what became of it. */
/* A term that ends while others run is a contraction, not a due date, unless all the others began within the */
/* grace before it: then they are the renewal, signed early. */
WITH terms AS (
  SELECT
    account_id,
    start_date,
    COALESCE(end_date, CAST('9999-12-31' AS DATE)) AS end_date,
    seats,
    mrr,
    status
  FROM contracts
), due AS (
  SELECT
    t.account_id,
    t.end_date AS due_date,
    MIN(t.start_date) AS term_start,
    MAX(CASE WHEN t.status = 'churned' THEN 1 ELSE 0 END) AS says_churned,
    MAX(CASE WHEN t.status IN ('active', 'renewed') THEN 1 ELSE 0 END) AS says_running
  FROM terms AS t
  CROSS JOIN settings AS s
  WHERE
    t.end_date < CAST('9999-12-31' AS DATE)
    AND NOT EXISTS(
      SELECT
        1
      FROM terms AS o
      WHERE
        o.account_id = t.account_id
        AND o.end_date > t.end_date
        AND DATEDIFF(DAY, o.start_date, t.end_date) > s.grace_days
    )
  GROUP BY
    t.account_id,
    t.end_date
), followed AS (
  SELECT
    d.account_id,
    d.due_date,
    MAX(o.end_date) AS followed_until
  FROM due AS d
  CROSS JOIN settings AS s
  JOIN terms AS o
    ON o.account_id = d.account_id
    AND o.end_date > d.due_date
    AND DATEDIFF(DAY, d.due_date, o.start_date) <= s.grace_days
  GROUP BY
    d.account_id,
    d.due_date
), probed /* Read after the grace, or on the last day of the successor where it is shorter than that. */ AS (
  SELECT
    d.*,
    f.followed_until,
    CASE
      WHEN DATEDIFF(DAY, d.due_date, f.followed_until) <= s.grace_days
      THEN CAST(f.followed_until - INTERVAL '1' DAY AS DATE)
      ELSE CAST(d.due_date + s.grace_days * INTERVAL '1' DAY AS DATE)
    END AS probe_date
  FROM due AS d
  CROSS JOIN settings AS s
  LEFT JOIN followed AS f
    ON f.account_id = d.account_id AND f.due_date = d.due_date
), running /* The size before leaves out the term that this one succeeds where the two overlap by no more than the grace. */ AS (
  SELECT
    p.account_id,
    p.due_date,
    t.seats,
    t.mrr,
    t.start_date <= p.term_start
    AND t.end_date > p.term_start
    AND (
      t.end_date >= p.due_date
      OR t.start_date = p.term_start
      OR DATEDIFF(DAY, p.term_start, t.end_date) > s.grace_days
    ) AS is_before,
    t.start_date <= p.probe_date AND t.end_date > p.probe_date AS is_after
  FROM probed AS p
  CROSS JOIN settings AS s
  JOIN terms AS t
    ON t.account_id = p.account_id
), sized AS (
  SELECT
    account_id,
    due_date,
    SUM(CASE WHEN is_before THEN seats END) AS seats_before,
    SUM(CASE WHEN is_after THEN seats END) AS seats_after,
    CASE
      WHEN SUM(CASE WHEN is_before AND mrr IS NULL THEN 1 ELSE 0 END) = 0
      THEN 12 * SUM(CASE WHEN is_before THEN mrr END)
    END AS arr_before,
    CASE
      WHEN SUM(CASE WHEN is_after AND mrr IS NULL THEN 1 ELSE 0 END) = 0
      THEN 12 * SUM(CASE WHEN is_after THEN mrr END)
    END AS arr_after
  FROM running
  GROUP BY
    account_id,
    due_date
), compared AS (
  SELECT
    p.*,
    z.arr_before,
    z.arr_after,
    z.seats_before,
    z.seats_after,
    CASE
      WHEN z.arr_before > 0 AND NOT z.arr_after IS NULL
      THEN CAST(z.arr_after AS DOUBLE) / CAST(z.arr_before AS DOUBLE)
      ELSE CAST(z.seats_after AS DOUBLE) / z.seats_before
    END AS growth
  FROM probed AS p
  JOIN sized AS z
    ON z.account_id = p.account_id AND z.due_date = p.due_date
), judged AS (
  SELECT
    c.*,
    CASE
      WHEN NOT c.followed_until IS NULL AND c.growth > 1 + s.change_tolerance
      THEN 'expanded'
      WHEN NOT c.followed_until IS NULL AND c.growth < 1 - s.change_tolerance
      THEN 'contracted'
      WHEN NOT c.followed_until IS NULL
      THEN 'renewed'
      WHEN c.due_date > s.as_of
      THEN 'not_due'
      WHEN c.says_churned = 1
      THEN 'churned'
      WHEN DATEDIFF(DAY, c.due_date, s.as_of) < s.grace_days
      THEN 'not_due'
      WHEN c.says_running = 1
      THEN 'unknown'
      ELSE 'churned'
    END AS outcome
  FROM compared AS c
  CROSS JOIN settings AS s
)
SELECT
  account_id,
  due_date,
  outcome,
  term_start,
  CAST(seats_before AS BIGINT) AS seats_before,
  CAST(arr_before AS DOUBLE) AS arr_before,
  CASE
    WHEN outcome = 'churned' AND NOT arr_before IS NULL
    THEN 0.0
    WHEN outcome IN ('renewed', 'expanded', 'contracted')
    THEN CAST(arr_after AS DOUBLE)
  END AS arr_after
FROM judged
