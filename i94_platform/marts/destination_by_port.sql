-- Arrivals of a month by state of the first address and port of entry, with a warning where the state may be misread.
-- People write NE for New York, Nevada or Newark, and it is Nebraska. A state's share through a far port that its code
-- might stand for is therefore compared with the largest share through that port of any state that it borders on.
WITH counted AS (
  SELECT i94addr, i94port, count(*) AS visitors
  FROM i94.immigration
  WHERE i94yr = :year AND i94mon = :month
  GROUP BY 1, 2
),
shares AS (
  SELECT
    i94addr,
    i94port,
    visitors,
    sum(visitors) OVER (PARTITION BY i94addr) AS state_visitors,
    CAST(visitors AS DOUBLE PRECISION) / sum(visitors) OVER (PARTITION BY i94addr) AS share
  FROM counted
),
neighbours AS (
  SELECT destination.code AS i94addr, shares.i94port, max(shares.share) AS share
  FROM i94.state AS destination
  INNER JOIN shares ON destination.neighbours LIKE '%' || shares.i94addr || '%'
  GROUP BY 1, 2
),
compared AS (
  SELECT
    shares.i94addr,
    destination.name AS state,
    shares.i94port,
    port.name AS port,
    port.state AS port_state,
    shares.visitors,
    CASE
      WHEN port.state <> shares.i94addr AND destination.neighbours NOT LIKE '%' || port.state || '%'
        THEN floor(coalesce(neighbours.share, 0) * shares.state_visitors + 0.5)
    END AS usual_visitors,
    CASE
      WHEN upper(left(port.city, 2)) = shares.i94addr THEN port.name
      WHEN upper(left(port.city, 1) || left(split_part(port.city, ' ', 2), 1)) = shares.i94addr THEN port.name
      WHEN upper(left(home.name, 2)) = shares.i94addr THEN home.name
    END AS namesake,
    shares.state_visitors
  FROM shares
  LEFT JOIN neighbours ON neighbours.i94addr = shares.i94addr AND neighbours.i94port = shares.i94port
  LEFT JOIN i94.state AS destination ON destination.code = shares.i94addr
  LEFT JOIN i94.i94port AS port ON port.code = shares.i94port
  LEFT JOIN i94.state AS home ON home.code = port.state
)
SELECT
  :year AS i94yr,
  :month AS i94mon,
  compared.i94addr,
  compared.state,
  compared.i94port,
  compared.port,
  compared.port_state,
  compared.visitors,
  compared.usual_visitors,
  CASE
    WHEN compared.visitors >= $min_base AND compared.visitors - compared.usual_visitors > 0.01 * compared.state_visitors
      THEN compared.namesake
  END AS possible_meaning
FROM compared
