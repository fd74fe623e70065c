-- Mean temperature by country over the last 30 years of the data. Months are averaged first, so that a year cut in its
-- middle does not tilt the mean; then each city counts once, however long its record. Sums are of decimals, because
-- those of doubles depend on the order of their rows. Rounding to four decimals is spelled out, because engines round a
-- tie differently.
WITH recent AS (
  SELECT *
  FROM world_temperature
  WHERE iso3 IS NOT NULL
    AND average_temperature IS NOT NULL
    AND year(dt) > (
      SELECT max(year(every_record.dt)) - 30
      FROM world_temperature AS every_record
      WHERE every_record.average_temperature IS NOT NULL
    )
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
  floor(CAST(sum(CAST(latitude AS DECIMAL(18, 9))) AS DOUBLE) / count(*) * 10000 + 0.5) / 10000 AS latitude,
  floor(CAST(sum(CAST(longitude AS DECIMAL(18, 9))) AS DOUBLE) / count(*) * 10000 + 0.5) / 10000 AS longitude,
  CAST(count(*) AS INT) AS temperature_cities
FROM by_city
GROUP BY iso3
