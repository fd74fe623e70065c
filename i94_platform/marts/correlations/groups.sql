-- Arrivals over all months by state, age band, gender and purpose, with the people of the state's larger cities.
SELECT
  i94addr,
  age_band,
  gender,
  i94visa,
  CAST(sum(visitors) AS BIGINT) AS visitors,
  max(city_population) AS city_population,
  max(city_male_population) AS city_male_population,
  max(city_female_population) AS city_female_population,
  max(city_median_age) AS city_median_age,
  max(city_foreign_born) AS city_foreign_born
FROM mart.visitor_demographics_by_state
GROUP BY i94addr, age_band, gender, i94visa
ORDER BY i94addr, age_band, gender, i94visa
