-- City temperatures with each value typed once, beside the text as delivered. Dates are ISO or M/D/YYYY.
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
  try_cast(substr(`Latitude`, 1, length(`Latitude`) - 1) AS DOUBLE)
    * CASE WHEN `Latitude` LIKE '%N' THEN 1 WHEN `Latitude` LIKE '%S' THEN -1 END AS latitude,
  try_cast(substr(`Longitude`, 1, length(`Longitude`) - 1) AS DOUBLE)
    * CASE WHEN `Longitude` LIKE '%E' THEN 1 WHEN `Longitude` LIKE '%W' THEN -1 END AS longitude,
  try_cast(`AverageTemperature` AS DOUBLE) AS average_temperature,
  try_cast(`AverageTemperatureUncertainty` AS DOUBLE) AS average_temperature_uncertainty
FROM delivered
