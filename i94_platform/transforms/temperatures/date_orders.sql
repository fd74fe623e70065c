-- How many dates with slashes are the first day of a month if the month stands first, if the day does, and either way.
-- Java's $$ would also match before a newline.
SELECT
  count(CASE WHEN regexp_extract(`dt`, '^(0?[1-9]|1[0-2])/0?1/[0-9]{4}$$', 0) <> '' THEN 1 END) AS month_first,
  count(CASE WHEN regexp_extract(`dt`, '^0?1/(0?[1-9]|1[0-2])/[0-9]{4}$$', 0) <> '' THEN 1 END) AS day_first,
  count(CASE WHEN regexp_extract(`dt`, '^0?1/0?1/[0-9]{4}$$', 0) <> '' THEN 1 END) AS either
FROM delivered
WHERE NOT contains(`dt`, chr(10))
