-- The first rows of the quarantine, for people to look up in the delivery.
SELECT
  source_file,
  source_row,
  reasons,
  cicid
FROM rejected
ORDER BY source_file, source_row
LIMIT 10
