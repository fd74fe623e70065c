-- How many rows of the quarantine have the same reasons.
SELECT
  reasons,
  count(*) AS rejected_rows
FROM rejected
GROUP BY reasons
ORDER BY rejected_rows DESC, reasons ASC
