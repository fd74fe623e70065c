-- The country names that the file uses.
SELECT DISTINCT `Country` AS country
FROM delivered
WHERE `Country` IS NOT NULL
