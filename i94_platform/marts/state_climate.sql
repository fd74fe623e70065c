-- Arrivals of a month by state of the first address, with the climate of the state's cities that have temperatures. A
-- city belongs to the state in which the demographics list its name; if they list it in several, as Arlington, to the
-- one with the nearest airport. The years and the means are those of the temperature of a country.
WITH climate_years AS (
  $climate_years
),
by_month AS (
  SELECT
    city,
    latitude,
    longitude,
    EXTRACT(MONTH FROM dt) AS month_of_year,
    -- added up exactly, or the order of the rows would be seen in the last digits
    CAST(sum(CAST(average_temperature AS DECIMAL(18, 9))) AS DOUBLE PRECISION) / count(*) AS temperature
  FROM i94.world_temperature
  INNER JOIN climate_years ON EXTRACT(YEAR FROM dt) BETWEEN climate_years.first_year AND climate_years.last_year
  WHERE iso3 = 'USA' AND average_temperature IS NOT NULL
  GROUP BY 1, 2, 3, 4
),
by_city AS (
  SELECT
    city,
    latitude,
    longitude,
    CAST(sum(CAST(temperature AS DECIMAL(18, 9))) AS DOUBLE PRECISION) / count(*) AS mean_temperature,
    sum(CASE WHEN month_of_year = :month THEN CAST(temperature AS DECIMAL(18, 9)) END) AS month_temperature
  FROM by_month
  GROUP BY 1, 2, 3
),
listed_cities AS (
  SELECT city, state_code, max(total_population) AS population
  FROM i94.us_cities_demographics
  GROUP BY 1, 2
),
distances AS (
  SELECT
    by_city.city,
    by_city.latitude,
    by_city.longitude,
    by_city.mean_temperature,
    by_city.month_temperature,
    listed_cities.state_code,
    listed_cities.population,
    min(
      power(airport.latitude - by_city.latitude, 2)
      + power((airport.longitude - by_city.longitude) * cos(radians(by_city.latitude)), 2)
    ) AS distance
  FROM by_city
  INNER JOIN listed_cities ON listed_cities.city = by_city.city
  LEFT JOIN i94.airport_codes AS airport ON airport.iso_region = 'US-' || listed_cities.state_code
  GROUP BY 1, 2, 3, 4, 5, 6, 7
),
ranked AS (
  SELECT
    state_code,
    population,
    mean_temperature,
    month_temperature,
    row_number() OVER (PARTITION BY city, latitude, longitude ORDER BY distance ASC NULLS LAST, state_code ASC) AS place
  FROM distances
),
climate AS (
  SELECT
    state_code,
    CAST(sum(CAST(mean_temperature AS DECIMAL(18, 9))) AS DOUBLE PRECISION) / count(*) AS mean_temperature,
    CAST(sum(CAST(month_temperature AS DECIMAL(18, 9))) AS DOUBLE PRECISION) / count(month_temperature)
      AS month_temperature,
    count(*) AS cities,
    sum(population) AS population
  FROM ranked
  WHERE place = 1
  GROUP BY 1
),
counted AS (
  SELECT i94addr, count(*) AS visitors
  FROM i94.immigration
  WHERE i94yr = :year AND i94mon = :month
  GROUP BY 1
)
SELECT
  :year AS i94yr,
  :month AS i94mon,
  counted.i94addr,
  destination.name AS state,
  $state_climate_band AS climate_band,
  climate.mean_temperature,
  climate.month_temperature,
  coalesce(climate.cities, 0) AS temperature_cities,
  climate.population AS temperature_city_population,
  destination.city_population,
  counted.visitors
FROM counted
LEFT JOIN climate ON climate.state_code = counted.i94addr
LEFT JOIN i94.state AS destination ON destination.code = counted.i94addr
