/* One row per account, month, view and kind of rating: the number of the last word set by the end of the month that */
/* has not expired by then. A word that the definitions do not know counts if it is a number itself. */
WITH spoken AS (
  SELECT
    account_id,
    month_number,
    is_history,
    month_end,
    kind,
    value,
    expires_date
  FROM (
    SELECT
      p.account_id,
      p.month_number,
      p.is_history,
      p.month_end,
      r.kind,
      r.value,
      r.expires_date,
      ROW_NUMBER() OVER (
        PARTITION BY p.account_id, p.month_number, p.is_history, r.kind
        ORDER BY r.set_date DESC
      ) AS _w
    FROM account_month AS p
    JOIN ratings AS r
      ON r.account_id = p.account_id
      AND r.set_date <= p.month_end
      AND (
        r.recorded_at IS NULL OR CAST(r.recorded_at AS DATE) <= p.known_until
      )
  ) AS _t
  WHERE
    _w = 1
)
SELECT
  s.account_id,
  s.month_number,
  s.is_history,
  s.kind,
  COALESCE(
    v.number,
    CASE
      WHEN s.value RLIKE '^[-+]?[0-9]*[.]?[0-9]+$'
      THEN TRY_CAST(s.value AS DOUBLE)
    END
  ) AS number
FROM spoken AS s
LEFT JOIN rating_values AS v
  ON v.kind = s.kind AND v.value = LOWER(TRIM(s.value))
WHERE
  s.expires_date IS NULL OR s.expires_date > s.month_end
