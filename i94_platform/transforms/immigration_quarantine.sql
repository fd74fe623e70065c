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
    kept.cicid IS NOT NULL
      AND NOT (kept.source_path = typed.source_path AND kept.source_row = typed.source_row) AS is_surplus
  FROM typed
  LEFT JOIN delivered_files ON delivered_files.path = typed.source_path
  LEFT JOIN i94visa ON i94visa.code = typed.i94visa
  LEFT JOIN kept ON kept.cicid = typed.cicid
)
SELECT
  ${quarantine_columns}
FROM judged
WHERE refused OR is_surplus
