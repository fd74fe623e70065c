-- Arrivals of a month by airline or other carrier.
WITH counted AS (
  SELECT coalesce(airline, $not_given) AS airline, count(*) AS visitors
  FROM i94.immigration
  WHERE i94yr = :year AND i94mon = :month
  GROUP BY 1
)
SELECT
  :year AS i94yr,
  :month AS i94mon,
  counted.airline,
  $carrier AS carrier,
  $airline_name AS airline_name,
  counted.visitors
FROM counted
