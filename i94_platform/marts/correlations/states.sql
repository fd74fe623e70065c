-- Arrivals by month and state, those with a known gender or age and those of a group, beside the people of the state's
-- larger cities.
SELECT
  i94yr,
  i94mon,
  i94addr,
  CAST(sum(CASE WHEN gender IN ('F', 'M') THEN visitors ELSE 0 END) AS BIGINT) AS known_gender,
  CAST(sum(CASE WHEN gender = 'F' THEN visitors ELSE 0 END) AS BIGINT) AS women,
  CAST(sum(CASE WHEN age_band <> 'unknown' THEN visitors ELSE 0 END) AS BIGINT) AS known_age,
  CAST(sum(CASE WHEN age_band = '0-17' THEN visitors ELSE 0 END) AS BIGINT) AS minors,
  CAST(sum(CASE WHEN age_band = '65+' THEN visitors ELSE 0 END) AS BIGINT) AS seniors,
  CAST(sum(CASE WHEN i94visa = 1 THEN visitors ELSE 0 END) AS BIGINT) AS business,
  CAST(sum(CASE WHEN i94visa = 3 THEN visitors ELSE 0 END) AS BIGINT) AS students,
  max(city_population) AS city_population,
  max(city_male_population) AS city_men,
  max(city_female_population) AS city_women,
  max(city_median_age) AS city_median_age,
  max(city_foreign_born) AS city_foreign_born
FROM mart.visitor_demographics_by_state
GROUP BY i94yr, i94mon, i94addr
ORDER BY i94yr, i94mon, i94addr
