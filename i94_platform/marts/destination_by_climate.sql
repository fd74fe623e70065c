-- Arrivals of a month by state of the first address and climate of the country of residence.
WITH counted AS (
  SELECT i94addr, i94res, count(*) AS visitors
  FROM i94.immigration
  WHERE i94yr = :year AND i94mon = :month
  GROUP BY 1, 2
),
banded AS (
  SELECT
    counted.i94addr,
    $climate_band AS climate_band,
    count(counted.i94res) AS source_countries,
    -- added up exactly, or the order of the countries would be seen in the last digits
    CAST(sum(CAST(country.mean_temperature AS DECIMAL(9, 4)) * counted.visitors) AS DOUBLE PRECISION)
    / CAST(sum(counted.visitors) AS DOUBLE PRECISION) AS mean_temperature,
    sum(counted.visitors) AS visitors
  FROM counted
  LEFT JOIN i94.country AS country ON country.code = counted.i94res
  GROUP BY 1, 2
)
SELECT
  :year AS i94yr,
  :month AS i94mon,
  banded.i94addr,
  destination.name AS state,
  banded.climate_band,
  banded.source_countries,
  banded.mean_temperature,
  banded.visitors
FROM banded
LEFT JOIN i94.state AS destination ON destination.code = banded.i94addr
