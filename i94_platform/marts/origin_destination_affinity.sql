-- Arrivals of a month by state of the first address and country of residence, beside those that independence of both
-- would give: row total times column total by the total. The residual is the adjusted one, near a standard normal.
WITH counted AS (
  SELECT i94addr, coalesce(i94res, $no_code) AS i94res, CAST(count(*) AS DOUBLE PRECISION) AS visitors
  FROM i94.immigration
  WHERE i94yr = :year AND i94mon = :month
  GROUP BY 1, 2
),
totals AS (
  SELECT
    i94addr,
    i94res,
    visitors,
    sum(visitors) OVER (PARTITION BY i94addr) AS state_visitors,
    sum(visitors) OVER (PARTITION BY i94res) AS country_visitors,
    sum(visitors) OVER () AS all_visitors
  FROM counted
),
compared AS (
  SELECT
    i94addr,
    i94res,
    visitors,
    state_visitors * country_visitors / all_visitors AS expected_visitors,
    (all_visitors - state_visitors) * (all_visitors - country_visitors) / (all_visitors * all_visitors) AS other_share
  FROM totals
)
SELECT
  :year AS i94yr,
  :month AS i94mon,
  compared.i94addr,
  destination.name AS state,
  compared.i94res,
  CASE WHEN compared.i94res = $no_code THEN $not_given ELSE country.name END AS origin,
  compared.visitors,
  compared.expected_visitors,
  compared.visitors / compared.expected_visitors AS ratio,
  (compared.visitors - compared.expected_visitors)
  / nullif(sqrt(compared.expected_visitors * compared.other_share), 0) AS standardized_residual
FROM compared
LEFT JOIN i94.state AS destination ON destination.code = compared.i94addr
LEFT JOIN i94.country AS country ON country.code = compared.i94res
