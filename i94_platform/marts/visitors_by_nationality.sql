-- Arrivals of a month by country of citizenship. Where most visitors of an unlisted nationality live is a hint beside.
WITH pairs AS (
  SELECT coalesce(i94cit, $no_code) AS i94cit, coalesce(i94res, $no_code) AS i94res, count(*) AS visitors
  FROM i94.immigration
  WHERE i94yr = :year AND i94mon = :month
  GROUP BY 1, 2
),
ranked AS (
  SELECT
    i94cit,
    i94res,
    visitors,
    sum(visitors) OVER (PARTITION BY i94cit) AS all_visitors,
    row_number() OVER (
      PARTITION BY i94cit
      ORDER BY CASE WHEN i94res = $no_code THEN 1 ELSE 0 END ASC, visitors DESC, i94res ASC
    ) AS place
  FROM pairs
)
SELECT
  :year AS i94yr,
  :month AS i94mon,
  ranked.i94cit,
  CASE WHEN ranked.i94cit = $no_code THEN $not_given ELSE nationality.name END AS nationality,
  CASE WHEN ranked.i94cit = $no_code THEN $not_given ELSE nationality.status END AS status,
  nationality.iso3,
  coalesce(nationality.region, $unknown) AS region,
  ranked.all_visitors AS visitors,
  CASE WHEN nationality.status = 'unlisted' THEN residence.name END AS hint_likely_residence,
  CASE WHEN nationality.status = 'unlisted' AND residence.code IS NOT NULL THEN ranked.visitors END
    AS hint_likely_residence_visitors
FROM ranked
LEFT JOIN i94.country AS nationality ON nationality.code = ranked.i94cit
LEFT JOIN i94.country AS residence ON residence.code = ranked.i94res
WHERE ranked.place = 1
