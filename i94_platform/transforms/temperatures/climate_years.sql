-- The years whose temperatures are a climate, of a country and of a state alike: the last 30 of the data. The last year
-- is the newest one with a month in which at least half as many cities have a temperature as in any month, so that a
-- stray date moves nothing.
SELECT max(EXTRACT(YEAR FROM dt)) - 29 AS first_year, max(EXTRACT(YEAR FROM dt)) AS last_year
FROM (
  SELECT dt, count(*) AS cities, max(count(*)) OVER () AS most_cities
  FROM ${temperatures}
  WHERE average_temperature IS NOT NULL
  GROUP BY dt
) AS months
WHERE cities * 2 >= most_cities
