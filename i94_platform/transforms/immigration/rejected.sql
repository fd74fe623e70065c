-- The rows that `accepted.sql` leaves out, whole and as delivered, each with its reasons.
WITH typed AS (
  ${typed_rows}
),
validated AS (
  SELECT
    typed.*,
    coalesce(delivered_files.source_file, typed.source_path) AS source_file,
    concat_ws('; ', ${reasons}) AS broken_rules,
    NOT ${is_accepted} AS is_rejected,
    duplicate_rows.source_row IS NOT NULL AS is_duplicate
  FROM typed
  LEFT JOIN delivered_files ON delivered_files.path = typed.source_path
  LEFT JOIN i94visa ON i94visa.code = typed.i94visa
  LEFT JOIN
    duplicate_rows
    ON duplicate_rows.source_path = typed.source_path AND duplicate_rows.source_row = typed.source_row
)
SELECT
  ${quarantine_columns}
FROM validated
WHERE is_rejected OR is_duplicate
