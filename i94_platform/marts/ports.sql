-- Arrivals of a month by port of entry and mode of arrival.
WITH counted AS (
  SELECT i94port, coalesce(i94mode, $no_code) AS i94mode, count(*) AS visitors
  FROM i94.immigration
  WHERE i94yr = :year AND i94mon = :month
  GROUP BY 1, 2
)
SELECT
  :year AS i94yr,
  :month AS i94mon,
  counted.i94port,
  port.name AS port,
  port.state AS port_state,
  counted.i94mode,
  CASE WHEN counted.i94mode = $no_code THEN $not_given ELSE mode_of_arrival.label END AS mode,
  counted.visitors
FROM counted
LEFT JOIN i94.i94port AS port ON port.code = counted.i94port
LEFT JOIN i94.i94mode AS mode_of_arrival ON mode_of_arrival.code = counted.i94mode
