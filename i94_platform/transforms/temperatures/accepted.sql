-- City temperatures in the contract's types, each with its country's ISO code. DISTINCT, because the source repeats
-- some records with the date in its other spelling.
SELECT DISTINCT
  ${columns}
FROM validated
LEFT JOIN country_iso3 ON country_iso3.country = validated.country
LEFT JOIN contradicting_rows ON contradicting_rows.source_row = validated.source_row
WHERE validated.problem IS NULL AND contradicting_rows.source_row IS NULL
