-- The city temperatures that have the key of an earlier record and other values.
WITH keys AS (
  SELECT
    dt, city, country, latitude, longitude,
    min(source_row) AS first_row
  FROM validated
  WHERE problem IS NULL
  GROUP BY dt, city, country, latitude, longitude
  HAVING count(*) > 1
)
SELECT
  validated.source_row,
  validated.city || ' ' || validated.delivered_dt AS problem_text
FROM validated
INNER JOIN keys
  ON
    validated.dt = keys.dt
    AND validated.city = keys.city
    AND validated.country = keys.country
    AND validated.latitude = keys.latitude
    AND validated.longitude = keys.longitude
INNER JOIN validated AS first_record ON keys.first_row = first_record.source_row
WHERE validated.problem IS NULL
  AND NOT (
    validated.average_temperature IS NOT DISTINCT FROM first_record.average_temperature
    AND validated.average_temperature_uncertainty IS NOT DISTINCT FROM first_record.average_temperature_uncertainty
  )
