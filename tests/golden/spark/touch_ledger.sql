/* One row per account, month, month in which it became known, channel and synced: touch points booked. */
/* Points known by a month k for a month m are the sum over known_number <= k: a touch recorded late restates */
/* the month it belongs to, and a level reached earlier than thought takes points back from a later month. */
/* Recipients come capped at the seats of their day (ingest, W_RECIPIENTS). */
WITH rated AS (
  SELECT
    t.touch_id,
    t.account_id,
    t.user_id,
    t.content_id,
    t.recipients,
    r.rule,
    r.ladder,
    r.channel,
    r.is_synced,
    r.per_recipient,
    CAST(t.occurred_at AS DATE) AS day,
    YEAR(t.occurred_at) * 12 + MONTH(t.occurred_at) AS month_number,
    YEAR(t.recorded_at) * 12 + MONTH(t.recorded_at) AS recorded_number,
    MAX(l.points) AS points
  FROM touches AS t
  JOIN touch_rules AS r
    ON r.touch_type = t.touch_type
  JOIN touch_levels AS l
    ON l.touch_type = t.touch_type
    AND (
      l.reached_at IS NULL OR t.progress >= l.reached_at - 1e-9
    )
  GROUP BY
    t.touch_id,
    t.account_id,
    t.user_id,
    t.content_id,
    t.recipients,
    r.rule,
    r.ladder,
    r.channel,
    r.is_synced,
    r.per_recipient,
    CAST(t.occurred_at AS DATE),
    YEAR(t.occurred_at) * 12 + MONTH(t.occurred_at),
    YEAR(t.recorded_at) * 12 + MONTH(t.recorded_at)
), slotted /* A slot is what counts once at its highest level: user x content x ladder, user x day, or a touch alone. */ AS (
  SELECT
    r.account_id,
    r.channel,
    r.is_synced,
    r.ladder,
    r.month_number,
    CASE
      WHEN r.recorded_number > r.month_number
      THEN r.recorded_number
      ELSE r.month_number
    END AS known_number,
    CASE
      WHEN r.rule = 'each'
      OR r.user_id IS NULL
      OR (
        r.rule = 'highest_per_user_and_content' AND r.content_id IS NULL
      )
      THEN r.touch_id
      ELSE ''
    END AS alone,
    CASE WHEN r.rule <> 'each' THEN COALESCE(r.user_id, '') ELSE '' END AS who,
    CASE
      WHEN r.rule IN ('highest_per_user_and_content', 'once_per_user_content_and_day')
      THEN COALESCE(r.content_id, '')
      ELSE ''
    END AS what,
    CASE
      WHEN r.rule IN ('once_per_user_and_day', 'once_per_user_content_and_day')
      THEN r.day
    END AS day,
    CASE
      WHEN NOT r.user_id IS NULL OR NOT r.per_recipient OR r.recipients IS NULL
      THEN r.points
      ELSE r.points * r.recipients
    END AS points
  FROM rated AS r
), cutoffs AS (
  SELECT DISTINCT
    account_id,
    channel,
    is_synced,
    ladder,
    alone,
    who,
    what,
    day,
    known_number AS cutoff_number
  FROM slotted
), reached AS (
  SELECT
    s.account_id,
    s.channel,
    s.is_synced,
    s.ladder,
    s.alone,
    s.who,
    s.what,
    s.day,
    c.cutoff_number,
    s.month_number,
    MAX(s.points) AS level_points
  FROM slotted AS s
  JOIN cutoffs AS c
    ON c.account_id = s.account_id
    AND c.channel = s.channel
    AND c.is_synced = s.is_synced
    AND c.ladder = s.ladder
    AND c.alone = s.alone
    AND c.who = s.who
    AND c.what = s.what
    AND c.day IS NOT DISTINCT FROM s.day
    AND s.known_number <= c.cutoff_number
  GROUP BY
    s.account_id,
    s.channel,
    s.is_synced,
    s.ladder,
    s.alone,
    s.who,
    s.what,
    s.day,
    c.cutoff_number,
    s.month_number
), highest AS (
  SELECT
    *,
    MAX(level_points) OVER (
      PARTITION BY account_id, channel, is_synced, ladder, alone, who, what, day, cutoff_number
      ORDER BY month_number NULLS LAST
    ) AS points_so_far
  FROM reached
), risen AS (
  SELECT
    *,
    points_so_far - COALESCE(
      LAG(points_so_far) OVER (
        PARTITION BY account_id, channel, is_synced, ladder, alone, who, what, day, cutoff_number
        ORDER BY month_number NULLS LAST
      ),
      0
    ) AS rise
  FROM highest
), booked AS (
  SELECT
    account_id,
    month_number,
    cutoff_number,
    channel,
    is_synced,
    rise - COALESCE(
      LAG(rise) OVER (
        PARTITION BY account_id, channel, is_synced, ladder, alone, who, what, day, month_number
        ORDER BY cutoff_number NULLS LAST
      ),
      0
    ) AS points
  FROM risen
)
SELECT
  account_id,
  month_number,
  cutoff_number AS known_number,
  channel,
  is_synced,
  SUM(points) AS points
FROM booked
WHERE
  points <> 0
GROUP BY
  account_id,
  month_number,
  cutoff_number,
  channel,
  is_synced
