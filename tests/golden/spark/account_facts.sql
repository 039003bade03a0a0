/* One row per account ever under contract: its name, owner and segment as they are today, start and end. */
/* Without a segment of its own an account is enterprise when it is among the largest by its latest ARR. */
WITH latest AS (
  SELECT
    account_id,
    arr,
    seats,
    month
  FROM (
    SELECT
      account_id,
      arr,
      seats,
      month,
      ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY month DESC) AS _w
    FROM account_month
    WHERE
      NOT is_history
  ) AS _t
  WHERE
    _w = 1
), ranked AS (
  SELECT
    account_id,
    arr,
    seats,
    month,
    ROW_NUMBER() OVER (ORDER BY arr DESC, account_id NULLS LAST) AS arr_rank,
    COUNT(*) OVER () AS account_count
  FROM latest
), named AS (
  SELECT
    account_id,
    MIN(account_name) AS account_name,
    MIN(start_date) AS start_date
  FROM contracts
  GROUP BY
    account_id
)
SELECT
  n.account_id,
  COALESCE(a.account_name, n.account_name, n.account_id) AS account_name,
  COALESCE(
    a.segment,
    CASE
      WHEN r.arr IS NULL
      THEN NULL
      WHEN r.arr_rank <= CEIL(r.account_count * s.enterprise_share)
      THEN 'enterprise'
      ELSE 'smb'
    END
  ) AS segment,
  a.owner,
  a.industry,
  a.goal,
  a.parent_id,
  n.start_date,
  r.month AS last_month
FROM named AS n
CROSS JOIN settings AS s
LEFT JOIN accounts AS a
  ON a.account_id = n.account_id
LEFT JOIN ranked AS r
  ON r.account_id = n.account_id
