-- The keys that several accepted rows share.
SELECT cicid
FROM staged
GROUP BY cicid
HAVING count(*) > 1
