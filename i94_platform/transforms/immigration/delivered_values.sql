-- How many accepted rows have a value in each column, whether it can be read or not.
WITH typed AS (
  ${typed_rows}
)
SELECT
  ${counts}
FROM typed
LEFT JOIN i94visa ON i94visa.code = typed.i94visa
${without_duplicates}
WHERE ${is_accepted}
