-- How many staged arrivals carry each country code, as citizenship or as residence.
SELECT
  code,
  CAST(sum(arrivals) AS BIGINT) AS arrivals
FROM (
  SELECT
    i94cit AS code,
    count(*) AS arrivals
  FROM staged
  GROUP BY i94cit
  UNION ALL
  SELECT
    i94res AS code,
    count(*) AS arrivals
  FROM staged
  GROUP BY i94res
) AS carried
WHERE code IS NOT NULL
GROUP BY code
ORDER BY code
