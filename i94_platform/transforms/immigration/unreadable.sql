-- The values of accepted rows that can't be read, one row a value: null in the fact, here as delivered.
WITH typed AS (
  ${typed_rows}
),
unreadable_rows AS (
  SELECT
    typed.*,
    coalesce(delivered_files.source_file, typed.source_path) AS source_file
  FROM typed
  LEFT JOIN delivered_files ON delivered_files.path = typed.source_path
  LEFT JOIN i94visa ON i94visa.code = typed.i94visa
  ${without_duplicates}
  WHERE ${is_accepted} AND ${is_unreadable}
),
-- few rows are left here, so that each may be repeated for every column
cells AS (
  SELECT
    typed.source_file,
    typed.source_row,
    unreadable_columns.column_name,
    ${text} AS text,
    ${number} AS number
  FROM unreadable_rows AS typed
  CROSS JOIN (VALUES ${columns}) AS unreadable_columns (column_name)
)
SELECT
  source_file,
  source_row,
  column_name,
  text,
  number
FROM cells
WHERE text IS NOT NULL OR number IS NOT NULL
