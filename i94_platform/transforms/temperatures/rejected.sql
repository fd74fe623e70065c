-- The problems for which city temperatures are rejected, each with its rows and the first of them.
WITH rejected AS (
  SELECT source_row, problem, problem_text
  FROM validated
  WHERE problem IS NOT NULL
  UNION ALL
  SELECT source_row, 'contradicts an earlier row of its month and city' AS problem, problem_text
  FROM contradicting_rows
)
SELECT
  problem,
  count(*) AS row_count,
  min(source_row) AS first_row,
  min_by(coalesce(problem_text, ''), source_row) AS first_text
FROM rejected
GROUP BY problem
ORDER BY row_count DESC, problem ASC
