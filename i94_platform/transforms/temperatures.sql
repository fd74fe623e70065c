-- City temperatures in the contract's types, each with its country's ISO code.
WITH typed AS (
${typed_rows}
)
SELECT
  ${columns}
FROM typed
LEFT JOIN country_iso3 ON country_iso3.country = typed.country
