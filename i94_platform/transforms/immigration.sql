-- The arrivals that the fact holds: every delivered row that no rule refuses, encoded and derived.
-- `kept` names, for each key delivered more than once, the one row that stays.
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
LEFT JOIN kept ON kept.cicid = typed.cicid
WHERE NOT ${refused}
  AND (kept.cicid IS NULL OR (kept.source_path = typed.source_path AND kept.source_row = typed.source_row))
