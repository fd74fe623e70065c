-- Arrivals by month, state and country of residence.
SELECT i94yr, i94mon, i94addr, i94res, visitors
FROM mart.destination_by_origin
ORDER BY i94yr, i94mon, i94addr, i94res
