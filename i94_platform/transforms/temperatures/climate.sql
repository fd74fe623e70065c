-- Mean temperature by country over the last 30 years of the data. The last year is the newest one with at least half as
-- many cities as any year has, so that a stray date moves nothing. Months are averaged first, so that a year cut in its
-- middle does not tilt the mean; then each city counts once, however long its record. Sums are of decimals, because
-- those of doubles depend on the order of their rows. Rounding to four decimals is spelled out, because engines round a
-- tie differently.
WITH cities_by_year AS (
  SELECT year_of_record, count(*) AS cities
  FROM (
    SELECT DISTINCT year(dt) AS year_of_record, city, country, latitude, longitude
    FROM world_temperature
    WHERE average_temperature IS NOT NULL
  ) AS cities_of_years
  GROUP BY year_of_record
),
last_year AS (
  SELECT max(year_of_record) AS last_year
  FROM cities_by_year
  WHERE cities * 2 >= (SELECT max(every_year.cities) FROM cities_by_year AS every_year)
),
recent AS (
  SELECT world_temperature.*
  FROM world_temperature
  CROSS JOIN last_year
  WHERE world_temperature.iso3 IS NOT NULL
    AND world_temperature.average_temperature IS NOT NULL
    AND year(world_temperature.dt) > last_year.last_year - 30
    AND year(world_temperature.dt) <= last_year.last_year
),
by_month AS (
  SELECT
    iso3, city, country, latitude, longitude, month(dt) AS month_of_year,
    CAST(sum(CAST(average_temperature AS DECIMAL(18, 9))) AS DOUBLE) / count(*) AS temperature
  FROM recent
  GROUP BY iso3, city, country, latitude, longitude, month(dt)
),
by_city AS (
  SELECT
    iso3, city, country, latitude, longitude,
    CAST(sum(CAST(temperature AS DECIMAL(18, 9))) AS DOUBLE) / count(*) AS temperature
  FROM by_month
  GROUP BY iso3, city, country, latitude, longitude
)
SELECT
  iso3,
  floor(CAST(sum(CAST(temperature AS DECIMAL(18, 9))) AS DOUBLE) / count(*) * 10000 + 0.5) / 10000 AS mean_temperature,
  CAST(count(*) AS INT) AS temperature_cities
FROM by_city
GROUP BY iso3
