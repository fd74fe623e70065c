-- Delivered arrivals with each value typed once, beside the value as delivered. One row in, one row out.
-- Spark SQL; the placeholders are rendered from the contracts by queries.py.
SELECT
  delivered.source_path,
  delivered.source_row,
  delivered.unreadable,
  ${as_delivered},
  ${typed}
FROM delivered
