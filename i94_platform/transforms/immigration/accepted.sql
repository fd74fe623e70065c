-- The arrivals that the fact holds: every delivered row that no rule rejects, encoded and derived.
-- Where keys have duplicates, `duplicate_rows` names the rows to leave out.
WITH typed AS (
  ${typed_rows}
)
SELECT
  ${staged_columns}
FROM typed
LEFT JOIN i94port ON i94port.code = typed.i94port
LEFT JOIN i94addr ON i94addr.code = typed.i94addr
LEFT JOIN i94mode ON i94mode.code = typed.i94mode
LEFT JOIN i94visa ON i94visa.code = typed.i94visa
${without_duplicates}
WHERE ${is_accepted}
