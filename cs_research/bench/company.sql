-- A company made of hashes: the same numbers give the same rows. Set before: accounts, users, months, active_months
-- (of users, wanted), most_active (share of the seats). A view for each canonical table, or a macro for the rows of one
-- month; what a view does not give is empty.
CREATE MACRO draw(x, salt) AS (hash(x, salt) >> 11)::DOUBLE / 9007199254740992;  -- from 0, below 1
CREATE MACRO pick(x, salt, n) AS (hash(x, salt) % n)::BIGINT;                    -- from 0, below n
CREATE MACRO late(x, moment) AS                                                  -- a tenth, up to 20 days
  CASE WHEN draw(x, 11) < 0.1 THEN least(moment + to_days(1 + (20 * draw(x, 12))::INTEGER),
    TIMESTAMP '2026-10-31 23:00:00') END;
CREATE TABLE months AS
  SELECT k, (DATE '2026-10-01' - to_months((getvariable('months') - 1 - k)::INTEGER))::DATE AS month,
    (month + INTERVAL 1 MONTH)::DATE AS next
  FROM range(getvariable('months')) t(k);
-- Half of the accounts are there from the first month; at the end of a year 12 % leave.
CREATE TABLE account AS
  SELECT a, printf('A%06d', a) AS account_id,
    CASE WHEN draw(a, 1) < 0.5 THEN 0 ELSE floor(getvariable('months') * draw(a, 2)) END::BIGINT AS first,
    first + 12 * (1 + floor(ln(1 - draw(a, 3)) / ln(0.88)))::BIGINT AS gone,
    greatest(1, round(-ln(1 - draw(a, 4)) * getvariable('users') / getvariable('accounts')))::BIGINT AS seats,
    0.4 + 1.2 * draw(a, 5) AS zeal
  FROM range(getvariable('accounts')) t(a);
CREATE TABLE person AS
  SELECT a, n, a * 1000000 + n AS u, account_id, format('{}-{:04d}', account_id, n) AS user_id, first, gone,
    zeal * 2 * draw(u, 6) AS zeal
  FROM account, unnest(range(seats)) t(n);
-- Who is active in a month, the most active first.
CREATE TABLE active AS
  WITH alive AS (SELECT p.*, k FROM person AS p JOIN months ON k >= first AND k < gone),
  share AS (
    SELECT least(getvariable('most_active'),
      getvariable('active_months') / sum(least(gone, getvariable('months')) - first)) AS share
    FROM person)
  SELECT k, account_id, user_id, row_number() OVER (PARTITION BY k ORDER BY zeal DESC, u) - 1 AS rank
  FROM alive, share
  WHERE draw(u, 100 + k) < least(0.95, share * zeal);
-- Rows by time, each of an active user; `i` numbers them over all months and tables.
CREATE MACRO happening(month, begin, span, users, start, count) AS TABLE
  SELECT i, s.account_id, s.user_id, make_timestamp(1000000 * (begin + j * span // count)) AS occurred_at
  FROM (SELECT j, start + j AS i, floor(users * draw(start + j, 7) ** 1.7)::BIGINT AS rank FROM range(count) t(j)) AS e
  JOIN active AS s ON s.k = month AND s.rank = e.rank;
CREATE MACRO usage_events_of(month, begin, span, users, start, count) AS TABLE
  SELECT printf('E%010d', i) AS event_id, account_id, user_id, occurred_at,
    CASE WHEN draw(i, 8) < 0.45 THEN 'login' WHEN draw(i, 8) < 0.75 THEN 'card_scan'
      WHEN draw(i, 8) < 0.85 THEN 'key_feature' ELSE 'view' END AS event_type,
    CASE WHEN event_type = 'card_scan' THEN CASE WHEN draw(i, 9) < 0.01 THEN -1 ELSE 1 + pick(i, 10, 60) END END
      AS quantity,
    late(i, occurred_at) AS recorded_at
  FROM happening(month, begin, span, users, start, count);
CREATE MACRO touches_of(month, begin, span, users, start, count) AS TABLE
  WITH lots AS (
    SELECT *, pick(i, 8, 100) AS lot FROM happening(month, begin, span, users, start + 1000000000000, count))
  SELECT printf('T%09d', i - 1000000000000) AS touch_id, account_id, occurred_at,
    CASE WHEN lot < 27 THEN 'mail_open' WHEN lot < 42 THEN 'mail_click' WHEN lot < 56 THEN 'video_view'
      WHEN lot < 68 THEN 'web_visit' WHEN lot < 73 THEN 'elearning' WHEN lot < 80 THEN 'elearning_login'
      WHEN lot < 84 THEN 'seminar_application' WHEN lot < 87 THEN 'seminar_attendance' WHEN lot < 95 THEN 'mail_sent'
      WHEN lot < 97 THEN 'call' WHEN lot < 98 THEN 'call_connected' WHEN lot < 99 THEN 'mid_review'
      ELSE 'event_attendance' END AS touch_type,
    CASE WHEN lot < 87 THEN user_id END AS user_id,
    CASE WHEN lot < 87 AND touch_type <> 'elearning_login'
      THEN upper(touch_type[1]) || month - pick(i, 9, 3) // 2 END AS content_id,
    CASE WHEN touch_type IN ('video_view', 'elearning')
      THEN [0.1, 0.2, 0.35, 0.5, 0.6, 0.8, 1.0][1 + pick(i, 10, 7)] END AS progress,
    CASE WHEN lot >= 87 THEN 1 + pick(i, 13, 30) END AS recipients,
    late(i, occurred_at) AS recorded_at
  FROM lots;
CREATE VIEW contracts AS
  SELECT printf('C%06d-%d', a, t) AS contract_id, account_id, month AS start_date,
    start_date + to_months(12) AS end_date, greatest(1, seats + seats * (pick(a, 20 + t, 3) - 1) // 10) AS seats,
    2400 * (1 + pick(a, 21, 3)) * seats AS mrr,
    start_date + to_days((pick(a, 22 + t, 25) - 20)::INTEGER) AS recorded_at
  FROM account, unnest(range((gone - first) // 12)) AS r(t) JOIN months ON k = first + 12 * t
  ORDER BY start_date, account_id;
CREATE VIEW accounts AS
  SELECT account_id, 'Company ' || a AS account_name, CASE WHEN seats > 100 THEN 'enterprise' ELSE 'smb' END AS segment,
    'industry ' || pick(a, 23, 7) AS industry, printf('CSM%03d', pick(a, 24, 200)) AS owner,
    seats + pick(a, 25, 100) AS target_users, month AS valid_from
  FROM account JOIN months ON k = first
  ORDER BY a;
CREATE VIEW users AS
  SELECT user_id, account_id, month + pick(u, 26, 90)::INTEGER AS activated_date,
    CASE n WHEN 0 THEN 'keyman' WHEN 1 THEN 'decision_maker' WHEN 2 THEN 'admin' ELSE 'member' END AS role
  FROM person JOIN months ON k = first
  WHERE activated_date <= DATE '2026-10-31'
  ORDER BY u;
CREATE VIEW meetings AS
  SELECT printf('M%06d-%02d', a, k) AS meeting_id, account_id, month + pick(a, 200 + k, 28)::INTEGER AS scheduled_date,
    draw(a, 300 + k) < 0.9 AS held, draw(a, 400 + k) < 0.5 AS with_keyman,
    draw(a, 400 + k) > 0.9 AS with_decision_maker
  FROM account JOIN months ON k >= first AND k < gone
  WHERE draw(a, 500 + k) < 0.25
  ORDER BY scheduled_date, a;
CREATE VIEW milestones AS
  SELECT account_id, milestone, month + due AS due_date,
    CASE WHEN draw(a, due) < 0.9 THEN month + (due * (0.3 + draw(a, 1000 + due)))::INTEGER END AS completed_date
  FROM account JOIN months ON k = first
  CROSS JOIN (VALUES ('account_setup', 10), ('import', 20), ('training', 40), ('kickoff', 5)) v(milestone, due)
  ORDER BY a;
CREATE VIEW surveys AS
  SELECT printf('S%06d-%02d', a, k) AS survey_id, account_id, month + pick(a, 600 + k, 28)::INTEGER AS sent_date,
    'nps' AS kind,
    CASE WHEN draw(a, 700 + k) < 0.4 THEN sent_date + pick(a, 800 + k, 20)::INTEGER END AS answered_date,
    CASE WHEN answered_date IS NOT NULL THEN pick(a, 900 + k, 11) END AS score
  FROM account JOIN months ON k >= first AND k < gone
  WHERE (k + a) % 4 = 0
  ORDER BY sent_date, a;
CREATE VIEW goals AS
  SELECT printf('G%06d-%d', a, g) AS goal_id, account_id, month + 30 * (g + 1)::INTEGER AS agreed_date,
    CASE WHEN draw(a, 30 + g) < 0.6 THEN agreed_date + 120 END AS achieved_date, 'customer' AS view
  FROM account JOIN months ON k = first CROSS JOIN range(2) r(g)
  ORDER BY agreed_date, a;
CREATE VIEW ratings AS
  SELECT account_id, kind, value, month + pick(a, hash(kind, k), 28)::INTEGER AS set_date
  FROM account JOIN months ON k >= first AND k < gone
  CROSS JOIN (VALUES ('keyman_relation', 'good'), ('value_matrix', 'silent')) v(kind, value)
  WHERE draw(a, hash(kind, k)) < 0.08
  ORDER BY set_date, a, kind;
