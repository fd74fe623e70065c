-- City temperatures in the contract's types, each with its country's ISO code. DISTINCT, because the source repeats
-- some records with the date in its other spelling; records that differ in more stay, for the key check to find.
WITH typed AS (
  ${typed_rows}
)
SELECT DISTINCT
  ${columns}
FROM typed
LEFT JOIN country_iso3 ON country_iso3.country = typed.country
