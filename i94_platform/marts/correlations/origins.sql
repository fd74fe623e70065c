-- The countries of residence of all months, with their status and climate.
SELECT i94res, max(status) AS status, max(climate_band) AS climate_band, max(mean_temperature) AS mean_temperature
FROM mart.origin_climate
GROUP BY i94res
ORDER BY i94res
