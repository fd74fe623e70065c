-- The rows to leave out of those that share a key: all but the first delivered one that no other rule rejects. Files
-- are in the order of their delivered names: engines spell addresses differently.
WITH typed AS (
  ${typed_rows}
),
ranked AS (
  SELECT
    typed.source_path,
    typed.source_row,
    row_number() OVER (
      PARTITION BY typed.cicid
      ORDER BY coalesce(delivered_files.source_file, typed.source_path), typed.source_row
    ) AS place
  FROM typed
  INNER JOIN duplicate_keys ON duplicate_keys.cicid = typed.cicid
  LEFT JOIN delivered_files ON delivered_files.path = typed.source_path
  LEFT JOIN i94visa ON i94visa.code = typed.i94visa
  WHERE ${is_accepted}
)
SELECT
  source_path,
  source_row
FROM ranked
WHERE place > 1
