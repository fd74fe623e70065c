-- City temperatures with each value typed once, beside the text as delivered. Dates are ISO, or have slashes in the
-- order of the file. Nothing that only one engine would read as a date or a number is one.
-- South and west are subtracted from 0, so that the equator is 0 and never -0.
SELECT
  source_row,
  `dt` AS delivered_dt,
  `Latitude` AS delivered_latitude,
  `Longitude` AS delivered_longitude,
  CASE
    WHEN NOT ${is_temperature_missing} THEN `AverageTemperature`
  END AS delivered_average_temperature,
  CASE
    WHEN NOT ${is_uncertainty_missing} THEN `AverageTemperatureUncertainty`
  END AS delivered_average_temperature_uncertainty,
  CASE
    WHEN length(`dt`) <= 10 AND regexp_extract(`dt`, '^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}$$', 0) <> ''
      THEN try_cast(
          concat_ws(
            '-',
            split_part(`dt`, '/', 3),
            lpad(split_part(`dt`, '/', ${month_place}), 2, '0'),
            lpad(split_part(`dt`, '/', ${day_place}), 2, '0')
          ) AS DATE
        )
    WHEN length(`dt`) = 10 AND regexp_extract(`dt`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}$$', 0) <> ''
      THEN try_cast(`dt` AS DATE)
  END AS dt,
  `City` AS city,
  `Country` AS country,
  CASE
    WHEN `Latitude` LIKE '%N' THEN ${latitude}
    WHEN `Latitude` LIKE '%S' THEN 0 - ${latitude}
  END AS latitude,
  CASE
    WHEN `Longitude` LIKE '%E' THEN ${longitude}
    WHEN `Longitude` LIKE '%W' THEN 0 - ${longitude}
  END AS longitude,
  ${average_temperature} AS average_temperature,
  ${average_temperature_uncertainty} AS average_temperature_uncertainty
FROM delivered
