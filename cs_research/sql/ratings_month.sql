-- One row per account, month, view and kind of rating: the last word set by the end of the month that has not
-- expired by then, and the number that the definitions give it (a word that they do not know: itself, if a number).
WITH spoken AS (
  SELECT
    p.account_id, p.month, p.month_number, p.is_history, r.kind, r.value, r.author, r.set_date, r.expires_date
  FROM account_month AS p
  JOIN ratings AS r
    ON r.account_id = p.account_id AND r.set_date <= p.month_end
   AND (r.recorded_at IS NULL OR CAST(r.recorded_at AS DATE) <= p.known_until)
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY p.account_id, p.month_number, p.is_history, r.kind ORDER BY r.set_date DESC) = 1
)
SELECT
  s.account_id, s.month, s.month_number, s.is_history, s.kind, s.value, s.author, s.set_date, s.expires_date,
  COALESCE(v.number, TRY_CAST(s.value AS DOUBLE)) AS number
FROM spoken AS s
JOIN calendar AS k ON k.month_number = s.month_number
LEFT JOIN rating_values AS v ON v.kind = s.kind AND v.value = s.value
WHERE s.expires_date IS NULL OR s.expires_date > k.month_end
