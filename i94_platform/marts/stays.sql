-- Stays of the arrivals of a month by state of the first address, country of residence and purpose.
WITH counted AS (
  SELECT
    i94addr,
    coalesce(i94res, $no_code) AS i94res,
    i94visa,
    count(*) AS visitors,
    count(*) - count(depdate) AS no_departure,
    count(CASE WHEN $known_stay THEN 1 END) AS stays,
    coalesce(sum(CASE WHEN $known_stay THEN stay_days END), 0) AS stay_days
  FROM i94.immigration
  WHERE i94yr = :year AND i94mon = :month
  GROUP BY 1, 2, 3
)
SELECT
  :year AS i94yr,
  :month AS i94mon,
  counted.i94addr,
  destination.name AS state,
  counted.i94res,
  CASE WHEN counted.i94res = $no_code THEN $not_given ELSE country.name END AS origin,
  counted.i94visa,
  purpose.label AS visa,
  counted.visitors,
  counted.no_departure,
  counted.stays,
  counted.stay_days,
  CAST(counted.stay_days AS DOUBLE PRECISION) / nullif(counted.stays, 0) AS mean_stay
FROM counted
LEFT JOIN i94.state AS destination ON destination.code = counted.i94addr
LEFT JOIN i94.country AS country ON country.code = counted.i94res
LEFT JOIN i94.i94visa AS purpose ON purpose.code = counted.i94visa
