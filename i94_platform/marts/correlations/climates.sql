-- The states of all months, with the temperature of their measured cities.
SELECT i94addr, max(mean_temperature) AS mean_temperature
FROM mart.state_climate
GROUP BY i94addr
ORDER BY i94addr
