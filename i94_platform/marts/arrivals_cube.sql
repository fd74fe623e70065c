-- Arrivals of a month by everything that they are filtered and grouped by.
SELECT
  :year AS i94yr,
  :month AS i94mon,
  coalesce(i94cit, $no_code) AS i94cit,
  coalesce(i94res, $no_code) AS i94res,
  i94addr,
  i94port,
  coalesce(airline, $not_given) AS airline,
  coalesce(i94mode, $no_code) AS i94mode,
  i94visa,
  coalesce(visatype, $not_given) AS visatype,
  coalesce(gender, $not_given) AS gender,
  $age_band AS age_band,
  count(*) AS visitors,
  count(*) - count(depdate) AS no_departure,
  count(CASE WHEN $known_stay THEN 1 END) AS stays,
  coalesce(sum(CASE WHEN $known_stay THEN stay_days END), 0) AS stay_days
FROM i94.immigration
WHERE i94yr = :year AND i94mon = :month
GROUP BY 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
