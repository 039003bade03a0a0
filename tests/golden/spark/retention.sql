/* One row per month, basis and segment: the bridge from opening to closing, in accounts and in ARR. */
/* basis month and trailing_12 compare month ends; renewals_due compares the due dates of the month before and */
/* after, those whose grace is over (within it renewals are known and silent leavers are not). The cohort of the opening alone counts for churn, contraction and expansion. */
/* An account that left with an unknown outcome is in no rate: it is taken out of both sides of its row, and where */
/* more than settings.max_unknown_share of the opening left so, the row has no rates. Nor has any row of data in which */
/* no term has an end: nobody can be seen to leave. */
WITH spans AS (
  SELECT
    'month' AS basis,
    1 AS months
  UNION ALL
  SELECT
    'trailing_12' AS basis,
    12 AS months
), ends /* What ended in the span: an account that churned and came back is lost, and new. */ AS (
  SELECT
    s.basis,
    o.account_id,
    k.month_number,
    MAX(CASE WHEN o.outcome = 'churned' THEN 1 ELSE 0 END) AS has_churned,
    MAX(CASE WHEN o.outcome = 'unknown' THEN 1 ELSE 0 END) AS has_vanished
  FROM outcomes AS o
  CROSS JOIN spans AS s
  JOIN calendar AS k
    ON YEAR(o.due_date) * 12 + MONTH(o.due_date) > k.month_number - s.months
    AND YEAR(o.due_date) * 12 + MONTH(o.due_date) <= k.month_number
  WHERE
    o.outcome IN ('churned', 'unknown')
  GROUP BY
    s.basis,
    o.account_id,
    k.month_number
), sides AS (
  SELECT
    s.basis,
    p.account_id,
    p.month_number,
    0 AS was_here,
    1 AS is_here,
    CAST(0 AS DECIMAL(28, 2)) AS arr_opening,
    CAST(p.arr AS DECIMAL(28, 2)) AS arr_closing
  FROM account_month AS p
  CROSS JOIN spans AS s
  WHERE
    NOT p.is_history
  UNION ALL
  SELECT
    s.basis,
    p.account_id,
    p.month_number + s.months AS month_number,
    1 AS was_here,
    0 AS is_here,
    CAST(p.arr AS DECIMAL(28, 2)) AS arr_opening,
    CAST(0 AS DECIMAL(28, 2)) AS arr_closing
  FROM account_month AS p
  CROSS JOIN spans AS s
  WHERE
    NOT p.is_history
), joined AS (
  SELECT
    d.basis,
    d.account_id,
    d.month_number,
    COALESCE(e.has_vanished, 0) AS ends_unknown,
    MAX(d.was_here) AS was_here,
    MAX(d.is_here) AS is_here,
    CASE WHEN COUNT(*) = COUNT(d.arr_opening) THEN SUM(d.arr_opening) END AS arr_opening,
    CASE WHEN COUNT(*) = COUNT(d.arr_closing) THEN SUM(d.arr_closing) END AS arr_closing
  FROM sides AS d
  JOIN spans AS s
    ON s.basis = d.basis
  CROSS JOIN settings AS z
  LEFT JOIN ends AS e
    ON e.basis = d.basis
    AND e.account_id = d.account_id
    AND e.month_number = d.month_number
  WHERE
    d.month_number >= z.first_number + s.months
  GROUP BY
    d.basis,
    d.account_id,
    d.month_number,
    COALESCE(e.has_vanished, 0),
    CASE WHEN e.has_churned = 1 THEN d.was_here END
), flows AS (
  SELECT
    basis,
    account_id,
    month_number,
    was_here,
    is_here,
    arr_opening,
    arr_closing,
    CASE WHEN ends_unknown = 1 AND is_here = 0 THEN 1 ELSE 0 END AS has_vanished
  FROM joined
  UNION ALL
  SELECT
    'renewals_due' AS basis,
    o.account_id,
    YEAR(o.due_date) * 12 + MONTH(o.due_date) AS month_number,
    1 AS was_here,
    CASE WHEN o.outcome IN ('churned', 'unknown') THEN 0 ELSE 1 END AS is_here,
    CAST(o.arr_before AS DECIMAL(28, 2)) AS arr_opening,
    CASE
      WHEN o.outcome = 'unknown'
      THEN CAST(0 AS DECIMAL(28, 2))
      ELSE CAST(o.arr_after AS DECIMAL(28, 2))
    END AS arr_closing,
    CASE WHEN o.outcome = 'unknown' THEN 1 ELSE 0 END AS has_vanished
  FROM outcomes AS o
  CROSS JOIN settings AS z
  WHERE
    o.outcome <> 'not_due' AND DATEDIFF(DAY, o.due_date, z.as_of) >= z.grace_days
), moved AS (
  SELECT
    f.basis,
    k.month,
    COALESCE(a.segment, 'none') AS segment,
    f.was_here,
    f.is_here,
    f.arr_opening,
    f.arr_closing,
    CASE WHEN f.was_here = 1 AND f.is_here = 1 THEN f.arr_closing - f.arr_opening END AS change,
    f.has_vanished
  FROM flows AS f
  JOIN calendar AS k
    ON k.month_number = f.month_number
  JOIN account_facts AS a
    ON a.account_id = f.account_id
), cells AS (
  SELECT
    basis,
    month,
    'all' AS segment,
    was_here,
    is_here,
    arr_opening,
    arr_closing,
    change,
    has_vanished
  FROM moved
  UNION ALL
  SELECT
    basis,
    month,
    segment,
    was_here,
    is_here,
    arr_opening,
    arr_closing,
    change,
    has_vanished
  FROM moved
  WHERE
    segment <> 'none'
), rated AS (
  SELECT
    c.month,
    c.basis,
    c.segment,
    CASE
      WHEN SUM(c.has_vanished) <= MAX(z.max_unknown_share) * SUM(c.was_here)
      AND (
        SELECT
          COUNT(*)
        FROM outcomes
      ) > 0
      THEN 1
      ELSE 0
    END AS is_rated
  FROM cells AS c
  CROSS JOIN settings AS z
  GROUP BY
    c.month,
    c.basis,
    c.segment
), summed AS (
  SELECT
    c.month,
    c.basis,
    c.segment,
    MAX(v.is_rated) AS is_rated,
    SUM(was_here) AS logos_opening,
    SUM(CASE WHEN was_here = 0 THEN 1 ELSE 0 END) AS logos_new,
    SUM(CASE WHEN is_here = 0 THEN 1 ELSE 0 END) AS logos_churned,
    SUM(is_here) AS logos_closing,
    CASE WHEN COUNT(*) = COUNT(arr_opening) THEN SUM(arr_opening) END AS arr_opening,
    SUM(CASE WHEN was_here = 0 THEN arr_closing ELSE 0 END) AS arr_new,
    SUM(CASE WHEN change > 0 THEN change ELSE 0 END) AS arr_expansion,
    SUM(CASE WHEN change < 0 THEN -change ELSE 0 END) AS arr_contraction,
    SUM(CASE WHEN is_here = 0 THEN arr_opening ELSE 0 END) AS arr_churned,
    CASE WHEN COUNT(*) = COUNT(arr_closing) THEN SUM(arr_closing) END AS arr_closing
  FROM cells AS c
  JOIN rated AS v
    ON v.month = c.month AND v.basis = c.basis AND v.segment = c.segment
  WHERE
    has_vanished = 0
  GROUP BY
    c.month,
    c.basis,
    c.segment
), known /* Where the money of one account is unknown the whole bridge is, rather than a part of it taken for all. */ AS (
  SELECT
    *,
    NOT arr_opening IS NULL AND NOT arr_closing IS NULL AS has_money
  FROM summed
)
SELECT
  month,
  basis,
  segment,
  CAST(logos_opening AS BIGINT) AS logos_opening,
  CAST(logos_new AS BIGINT) AS logos_new,
  CAST(logos_churned AS BIGINT) AS logos_churned,
  CAST(logos_closing AS BIGINT) AS logos_closing,
  CASE WHEN has_money THEN CAST(arr_opening AS DOUBLE) END AS arr_opening,
  CASE WHEN has_money THEN CAST(arr_new AS DOUBLE) END AS arr_new,
  CASE WHEN has_money THEN CAST(arr_expansion AS DOUBLE) END AS arr_expansion,
  CASE WHEN has_money THEN CAST(arr_contraction AS DOUBLE) END AS arr_contraction,
  CASE WHEN has_money THEN CAST(arr_churned AS DOUBLE) END AS arr_churned,
  CASE WHEN has_money THEN CAST(arr_closing AS DOUBLE) END AS arr_closing,
  CASE
    WHEN is_rated = 1 AND has_money AND arr_opening > 0
    THEN CAST(arr_opening - arr_contraction - arr_churned AS DOUBLE) / CAST(arr_opening AS DOUBLE)
  END AS grr,
  CASE
    WHEN is_rated = 1 AND has_money AND arr_opening > 0
    THEN CAST(arr_opening - arr_contraction - arr_churned + arr_expansion AS DOUBLE) / CAST(arr_opening AS DOUBLE)
  END AS nrr,
  CASE
    WHEN is_rated = 1 AND logos_opening > 0
    THEN CAST(logos_churned AS DOUBLE) / logos_opening
  END AS logo_churn,
  CASE
    WHEN is_rated = 1 AND has_money AND arr_opening > 0
    THEN CAST(arr_churned AS DOUBLE) / CAST(arr_opening AS DOUBLE)
  END AS arr_churn
FROM known
