/* One row per account and week: every account under contract on the eve of the week (the Sunday before its */
/* Monday) and the contact with it, by what was recorded until then and lies within the data (known_until). */
/* A row without recorded_at was known on its own day; one dated ahead of the data, at their end. */
WITH running AS (
  SELECT
    w.week,
    w.monday,
    w.eve,
    w.known_until,
    c.account_id,
    MIN(c.start_date) AS start_date,
    CASE
      WHEN COUNT(
        CASE
          WHEN (
            c.end_date IS NULL OR c.end_date > w.eve
          ) AND c.mrr IS NULL
          THEN 1
        END
      ) = 0
      THEN 12 * SUM(CASE WHEN c.end_date IS NULL OR c.end_date > w.eve THEN c.mrr END)
    END AS arr
  FROM contracts AS c
  JOIN weeks AS w
    ON c.start_date <= w.eve
    AND (
      c.recorded_at IS NULL OR CAST(c.recorded_at AS DATE) <= w.known_until
    )
  GROUP BY
    w.week,
    w.monday,
    w.eve,
    w.known_until,
    c.account_id
  HAVING
    BOOL_OR(c.end_date IS NULL OR c.end_date > w.eve)
), known_meetings AS (
  SELECT
    m.account_id,
    m.scheduled_date,
    m.held AND m.scheduled_date <= s.known_until AS is_held,
    m.held,
    COALESCE(CAST(m.recorded_at AS DATE), LEAST(m.scheduled_date, s.known_until)) AS known_date
  FROM meetings AS m
  CROSS JOIN settings AS s
), met AS (
  SELECT
    r.week,
    r.account_id,
    COUNT(CASE WHEN m.is_held AND m.scheduled_date <= r.known_until THEN 1 END) AS meetings_held,
    MAX(
      CASE WHEN m.is_held AND m.scheduled_date <= r.known_until THEN m.scheduled_date END
    ) AS last_date,
    MIN(
      CASE
        WHEN m.scheduled_date > r.eve
        AND (
          m.held IS DISTINCT FROM FALSE OR m.scheduled_date <= s.known_until
        )
        THEN m.scheduled_date
      END
    ) AS next_date /* Whether it was held is hindsight, unless it lies ahead of the data: then it was called off. */
  FROM running AS r
  CROSS JOIN settings AS s
  JOIN known_meetings AS m
    ON m.account_id = r.account_id AND m.known_date <= r.known_until
  GROUP BY
    r.week,
    r.account_id
), contacts AS (
  SELECT
    t.account_id,
    CAST(t.occurred_at AS DATE) AS day,
    k.is_answer OR COALESCE(t.responded, FALSE) AS is_answered,
    COALESCE(CAST(t.recorded_at AS DATE), CAST(t.occurred_at AS DATE)) AS known_date
  FROM touches AS t
  JOIN contact_types AS k
    ON k.touch_type = t.touch_type
  UNION ALL
  SELECT
    account_id,
    scheduled_date,
    TRUE,
    known_date
  FROM known_meetings
  WHERE
    is_held
), contacted AS (
  SELECT
    r.week,
    r.account_id,
    MAX(c.day) AS last_day,
    COUNT(DISTINCT CASE WHEN c.day > r.eve - w.days THEN c.day END) AS contact_days,
    COUNT(DISTINCT CASE WHEN c.day > r.eve - w.days AND c.is_answered THEN c.day END) AS answered_days,
    COUNT(DISTINCT CASE WHEN c.day > r.eve - w.days THEN DATE_TRUNC('WEEK', c.day) END) AS contacted_weeks
  FROM running AS r
  JOIN contacts AS c
    ON c.account_id = r.account_id
    AND c.day <= r.known_until
    AND c.known_date <= r.known_until
  CROSS JOIN (
    SELECT
      7 * contact_weeks AS days
    FROM settings
  ) AS w
  GROUP BY
    r.week,
    r.account_id
), rated AS (
  SELECT
    week,
    account_id,
    kind,
    number
  FROM (
    SELECT
      r.week,
      r.account_id,
      t.kind,
      COALESCE(
        v.number,
        CASE
          WHEN t.value RLIKE '^[-+]?[0-9]*[.]?[0-9]+$'
          THEN TRY_CAST(t.value AS DOUBLE)
        END
      ) AS number,
      ROW_NUMBER() OVER (PARTITION BY r.week, r.account_id, t.kind ORDER BY t.set_date DESC) AS _w,
      expires_date,
      eve
    FROM running AS r
    JOIN ratings AS t
      ON t.account_id = r.account_id
      AND t.set_date <= r.known_until
      AND (
        t.recorded_at IS NULL OR CAST(t.recorded_at AS DATE) <= r.known_until
      )
    LEFT JOIN rating_values AS v
      ON v.kind = t.kind AND v.value = LOWER(TRIM(t.value))
  ) AS _t
  WHERE
    _w = 1 AND (
      expires_date IS NULL OR expires_date > eve
    )
)
SELECT
  r.account_id,
  r.week,
  r.monday AS monday_date,
  LEAST(
    CAST(DATE_TRUNC('MONTH', r.monday) - INTERVAL '1' MONTH AS DATE),
    (
      SELECT
        MAX(month)
      FROM calendar
    )
  ) AS month,
  (
    YEAR(r.eve) - YEAR(r.start_date)
  ) /* Complete months; the last day of a shorter month completes one, too. */ * 12 + MONTH(r.eve) - MONTH(r.start_date) - CASE
    WHEN DAY(r.eve) < LEAST(DAY(r.start_date), DAY(LAST_DAY(r.eve)))
    THEN 1
    ELSE 0
  END AS age_months,
  r.arr,
  CAST(DATEDIFF(DAY, m.last_date, r.eve) AS DOUBLE) / 30.44 AS months_since_meeting,
  COALESCE(m.meetings_held, 0) AS meetings_held,
  DATEDIFF(DAY, r.eve, m.next_date) AS days_to_meeting,
  DATEDIFF(DAY, c.last_day, r.eve) AS days_since_contact,
  COALESCE(c.contacted_weeks, 0) AS contacted_weeks,
  COALESCE(c.contact_days, 0) AS contact_days,
  COALESCE(c.answered_days, 0) AS answered_days,
  k.number AS keyman_relation,
  s.number AS stop_request
FROM running AS r
LEFT JOIN met AS m
  ON m.account_id = r.account_id AND m.week = r.week
LEFT JOIN contacted AS c
  ON c.account_id = r.account_id AND c.week = r.week
LEFT JOIN rated AS k
  ON k.account_id = r.account_id AND k.week = r.week AND k.kind = 'keyman_relation'
LEFT JOIN rated AS s
  ON s.account_id = r.account_id AND s.week = r.week AND s.kind = 'stop_request'
