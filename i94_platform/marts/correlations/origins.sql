-- Arrivals over all months by country of residence, with its temperature.
SELECT
  i94res,
  max(status) AS status,
  max(climate_band) AS climate_band,
  max(mean_temperature) AS mean_temperature,
  CAST(sum(visitors) AS BIGINT) AS visitors
FROM mart.origin_climate
GROUP BY i94res
ORDER BY i94res
