-- Typed city temperatures, each with the first problem for which it is rejected, null for a good row, and the text in
-- question.
SELECT
  source_row, delivered_dt,
  dt, city, country, latitude, longitude, average_temperature, average_temperature_uncertainty,
  CASE
    WHEN dt IS NULL THEN 'column dt is no date'
    WHEN dayofmonth(dt) <> 1 THEN 'column dt is no first day of a month'
    WHEN dt < DATE '1700-01-01' THEN 'column dt is before 1700'
    WHEN dt > DATE '${today}' THEN 'column dt is in the future'
    WHEN city IS NULL THEN 'column City is empty'
    WHEN bit_length(city) > 8 * ${city_bytes} THEN 'column City is longer than ${city_bytes} bytes'
    WHEN country IS NULL THEN 'column Country is empty'
    WHEN bit_length(country) > 8 * ${country_bytes} THEN 'column Country is longer than ${country_bytes} bytes'
    WHEN ${bad_latitude} THEN 'column Latitude is no latitude'
    WHEN ${bad_longitude} THEN 'column Longitude is no longitude'
    WHEN ${bad_average_temperature} THEN 'column AverageTemperature is no temperature'
    WHEN ${bad_average_temperature_uncertainty} THEN 'column AverageTemperatureUncertainty is no uncertainty'
  END AS problem,
  CASE
    WHEN dt IS NULL OR dayofmonth(dt) <> 1 OR dt < DATE '1700-01-01' OR dt > DATE '${today}' THEN delivered_dt
    WHEN city IS NULL OR bit_length(city) > 8 * ${city_bytes} THEN city
    WHEN country IS NULL OR bit_length(country) > 8 * ${country_bytes} THEN country
    WHEN ${bad_latitude} THEN delivered_latitude
    WHEN ${bad_longitude} THEN delivered_longitude
    WHEN ${bad_average_temperature} THEN delivered_average_temperature
    ELSE delivered_average_temperature_uncertainty
  END AS problem_text
FROM (
  ${typed_rows}
) AS typed
