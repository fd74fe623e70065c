-- Arrivals of a month by state of the first address and country of residence.
WITH counted AS (
  SELECT i94addr, coalesce(i94res, $no_code) AS i94res, count(*) AS visitors
  FROM i94.immigration
  WHERE i94yr = :year AND i94mon = :month
  GROUP BY 1, 2
)
SELECT
  :year AS i94yr,
  :month AS i94mon,
  counted.i94addr,
  destination.name AS state,
  counted.i94res,
  CASE WHEN counted.i94res = $no_code THEN $not_given ELSE country.name END AS origin,
  CASE WHEN counted.i94res = $no_code THEN $not_given ELSE country.status END AS status,
  country.iso3,
  coalesce(country.region, $unknown) AS region,
  counted.visitors
FROM counted
LEFT JOIN i94.state AS destination ON destination.code = counted.i94addr
LEFT JOIN i94.country AS country ON country.code = counted.i94res
