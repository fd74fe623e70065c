-- The first rows of city temperatures with a value that its type can't hold.
WITH typed AS (
  ${typed_rows}
)
SELECT
  source_row,
  CASE
    WHEN dt IS NULL THEN concat('dt=', coalesce(delivered_dt, 'nothing'))
    WHEN city IS NULL OR country IS NULL THEN 'City or Country is missing'
    WHEN latitude IS NULL THEN concat('Latitude=', coalesce(delivered_latitude, 'nothing'))
    WHEN longitude IS NULL THEN concat('Longitude=', coalesce(delivered_longitude, 'nothing'))
    WHEN average_temperature IS NULL AND delivered_average_temperature IS NOT NULL
      THEN concat('AverageTemperature=', delivered_average_temperature)
    ELSE concat('AverageTemperatureUncertainty=', delivered_average_temperature_uncertainty)
  END AS problem
FROM typed
WHERE dt IS NULL OR city IS NULL OR country IS NULL OR latitude IS NULL OR longitude IS NULL
  OR (average_temperature IS NULL AND delivered_average_temperature IS NOT NULL)
  OR (average_temperature_uncertainty IS NULL AND delivered_average_temperature_uncertainty IS NOT NULL)
ORDER BY source_row
LIMIT 3
