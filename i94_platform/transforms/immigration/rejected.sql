-- The rows that `immigration.sql` leaves out, whole and as delivered, each with its reasons.
WITH typed AS (
  ${typed_rows}
),
judged AS (
  SELECT
    typed.*,
    coalesce(delivered_files.source_file, typed.source_path) AS source_file,
    concat_ws('; ', ${reasons}) AS rules_broken,
    ${refused} AS refused,
    surplus.source_row IS NOT NULL AS is_surplus
  FROM typed
  LEFT JOIN delivered_files ON delivered_files.path = typed.source_path
  LEFT JOIN i94visa ON i94visa.code = typed.i94visa
  LEFT JOIN surplus ON surplus.source_path = typed.source_path AND surplus.source_row = typed.source_row
)
SELECT
  ${quarantine_columns}
FROM judged
WHERE refused OR is_surplus
