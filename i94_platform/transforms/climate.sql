-- Mean temperature by country over the last 30 years of the data. Months are averaged first, so that a year cut in
-- its middle does not tilt the mean; then each city counts once, however long its record.
WITH recent AS (
  SELECT *
  FROM world_temperature
  WHERE iso3 IS NOT NULL
    AND average_temperature IS NOT NULL
    AND year(dt) > (SELECT max(year(dt)) - 30 FROM world_temperature WHERE average_temperature IS NOT NULL)
),
by_month AS (
  SELECT iso3, city, country, latitude, longitude, month(dt) AS month_of_year, avg(average_temperature) AS temperature
  FROM recent
  GROUP BY iso3, city, country, latitude, longitude, month(dt)
),
by_city AS (
  SELECT iso3, city, country, latitude, longitude, avg(temperature) AS temperature
  FROM by_month
  GROUP BY iso3, city, country, latitude, longitude
)
SELECT
  iso3,
  round(avg(temperature), 4) AS mean_temperature,
  round(avg(latitude), 4) AS latitude,
  round(avg(longitude), 4) AS longitude,
  CAST(count(*) AS INT) AS temperature_cities
FROM by_city
GROUP BY iso3
