-- City temperatures with each value typed once, beside the text as delivered. Dates are ISO or M/D/YYYY.
-- South and west are subtracted from 0, so that the equator is 0 and never -0.
SELECT
  source_row,
  `dt` AS delivered_dt,
  `Latitude` AS delivered_latitude,
  `Longitude` AS delivered_longitude,
  `AverageTemperature` AS delivered_average_temperature,
  `AverageTemperatureUncertainty` AS delivered_average_temperature_uncertainty,
  CASE
    WHEN `dt` LIKE '%/%/____' THEN try_cast(
      concat_ws('-', split_part(`dt`, '/', 3), lpad(split_part(`dt`, '/', 1), 2, '0'), lpad(split_part(`dt`, '/', 2), 2, '0'))
      AS DATE)
    WHEN length(`dt`) = 10 THEN try_cast(`dt` AS DATE)
  END AS dt,
  `City` AS city,
  `Country` AS country,
  CASE
    WHEN `Latitude` LIKE '%N' THEN try_cast(substr(`Latitude`, 1, length(`Latitude`) - 1) AS DOUBLE)
    WHEN `Latitude` LIKE '%S' THEN 0 - try_cast(substr(`Latitude`, 1, length(`Latitude`) - 1) AS DOUBLE)
  END AS latitude,
  CASE
    WHEN `Longitude` LIKE '%E' THEN try_cast(substr(`Longitude`, 1, length(`Longitude`) - 1) AS DOUBLE)
    WHEN `Longitude` LIKE '%W' THEN 0 - try_cast(substr(`Longitude`, 1, length(`Longitude`) - 1) AS DOUBLE)
  END AS longitude,
  try_cast(`AverageTemperature` AS DOUBLE) AS average_temperature,
  try_cast(`AverageTemperatureUncertainty` AS DOUBLE) AS average_temperature_uncertainty
FROM delivered
