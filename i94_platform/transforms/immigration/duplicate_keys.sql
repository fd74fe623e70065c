-- Keys that several accepted rows have.
SELECT cicid
FROM staged
GROUP BY cicid
HAVING count(*) > 1
