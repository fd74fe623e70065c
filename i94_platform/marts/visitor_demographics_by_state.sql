-- Arrivals of a month by state, age band, gender and purpose, beside the people of the state's larger cities.
WITH counted AS (
  SELECT
    i94addr,
    $age_band AS age_band,
    coalesce(gender, $not_given) AS gender,
    i94visa,
    count(*) AS visitors
  FROM i94.immigration
  WHERE i94yr = :year AND i94mon = :month
  GROUP BY 1, 2, 3, 4
)
SELECT
  :year AS i94yr,
  :month AS i94mon,
  counted.i94addr,
  destination.name AS state,
  counted.age_band,
  counted.gender,
  $gender_label AS gender_label,
  counted.i94visa,
  purpose.label AS visa,
  counted.visitors,
  destination.cities,
  destination.city_population,
  destination.male_population AS city_male_population,
  destination.female_population AS city_female_population,
  destination.median_age AS city_median_age,
  destination.foreign_born AS city_foreign_born,
  destination.veterans AS city_veterans,
  destination.average_household_size AS city_average_household_size,
  destination.hispanic_or_latino AS city_hispanic_or_latino,
  destination.white AS city_white,
  destination.black_or_african_american AS city_black_or_african_american,
  destination.asian AS city_asian,
  destination.american_indian_and_alaska_native AS city_american_indian_and_alaska_native
FROM counted
LEFT JOIN i94.state AS destination ON destination.code = counted.i94addr
LEFT JOIN i94.i94visa AS purpose ON purpose.code = counted.i94visa
