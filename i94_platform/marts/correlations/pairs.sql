-- Arrivals over all months by state and country of residence.
SELECT i94addr, i94res, max(status) AS status, CAST(sum(visitors) AS BIGINT) AS visitors
FROM mart.destination_by_origin
GROUP BY i94addr, i94res
ORDER BY i94addr, i94res
