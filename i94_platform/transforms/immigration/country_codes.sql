-- How many staged arrivals carry each country code, as citizenship and as residence.
SELECT
  'i94cit' AS column_name,
  i94cit AS code,
  count(*) AS arrivals
FROM staged
WHERE i94cit IS NOT NULL
GROUP BY i94cit
UNION ALL
SELECT
  'i94res' AS column_name,
  i94res AS code,
  count(*) AS arrivals
FROM staged
WHERE i94res IS NOT NULL
GROUP BY i94res
ORDER BY code, column_name
