-- Keys delivered more than once. An aggregate over one column: a window over all rows would cost a full sort.
SELECT cicid
FROM delivered
WHERE cicid IS NOT NULL
GROUP BY cicid
HAVING count(*) > 1
