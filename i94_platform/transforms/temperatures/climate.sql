-- Mean temperature by country over the years of a climate. Months are averaged first, so that a year cut in its middle
-- does not tilt the mean; then each city counts once, however long its record. Sums are of decimals, because those of
-- doubles depend on the order of their rows. Rounding to four decimals is spelled out, because engines round a tie
-- differently.
WITH climate_years AS (
  ${climate_years}
),
recent AS (
  SELECT world_temperature.*
  FROM world_temperature
  INNER JOIN climate_years
    ON EXTRACT(YEAR FROM world_temperature.dt) BETWEEN climate_years.first_year AND climate_years.last_year
  WHERE world_temperature.iso3 IS NOT NULL AND world_temperature.average_temperature IS NOT NULL
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
