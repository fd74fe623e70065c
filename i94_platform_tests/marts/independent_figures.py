"""Every figure of the marts a second time: plain SQL of DuckDB over the fact and the reference tables.

Nothing here uses the marts' SQL or constants. `find_differences` compares both cell by cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
from sqlalchemy import Double, Table

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.contracts.model import column_names, key_columns
from i94_platform.settings import PROJECT

TOLERANCE = 1e-6
"""Relative difference of floating-point numbers that counts as none: they are added up in another way."""

_PREPARATION = """
CREATE TEMP TABLE fact AS
SELECT i94yr, i94mon, ifnull(i94cit, -1) AS i94cit, ifnull(i94res, -1) AS i94res, i94addr, i94port,
       ifnull(airline, 'not given') AS airline, ifnull(i94mode, -1) AS i94mode, i94visa,
       ifnull(visatype, 'not given') AS visatype, ifnull(gender, 'not given') AS gender,
       CASE WHEN i94bir IS NULL OR i94bir < 0 THEN 'unknown' WHEN i94bir > 64 THEN '65+' WHEN i94bir > 54 THEN '55-64'
            WHEN i94bir > 44 THEN '45-54' WHEN i94bir > 34 THEN '35-44' WHEN i94bir > 24 THEN '25-34'
            WHEN i94bir > 17 THEN '18-24' ELSE '0-17' END AS age_band,
       depdate IS NULL AS stays_on, if(stay_days NOT BETWEEN 0 AND 365, NULL, stay_days) AS days
FROM i94.immigration;

CREATE TEMP MACRO climate(celsius) AS
  CASE WHEN celsius IS NULL THEN 'unknown' WHEN celsius >= 25 THEN 'very hot' WHEN celsius >= 20 THEN 'hot'
       WHEN celsius >= 15 THEN 'warm' WHEN celsius >= 10 THEN 'mild' WHEN celsius >= 5 THEN 'cool' ELSE 'cold' END;

CREATE TEMP TABLE residence AS
SELECT code AS i94res, name AS origin, status, iso3, ifnull(region, 'unknown') AS region,
       ifnull(continent, 'unknown') AS continent, climate(mean_temperature) AS climate_band, mean_temperature,
       temperature_cities, latitude, longitude
FROM i94.country
UNION ALL SELECT -1, 'not given', 'not given', NULL, 'unknown', 'unknown', 'unknown', NULL, NULL, NULL, NULL;

CREATE TEMP TABLE destination AS SELECT code AS i94addr, name AS state, neighbours FROM i94.state;
CREATE TEMP TABLE purpose AS SELECT code AS i94visa, label AS visa FROM i94.i94visa;
CREATE TEMP TABLE port AS SELECT code AS i94port, name AS port, state AS port_state, city FROM i94.i94port;

CREATE TEMP TABLE city AS
SELECT DISTINCT ON (city, state_code) * FROM i94.us_cities_demographics;

CREATE TEMP TABLE people AS
SELECT state_code AS i94addr, count(*) AS cities, sum(total_population) AS city_population,
       sum(male_population) AS city_male_population, sum(female_population) AS city_female_population,
       sum(foreign_born) AS city_foreign_born, sum(veterans) AS city_veterans,
       round(sum(median_age * total_population)
             / sum(total_population) FILTER (median_age IS NOT NULL), 2) AS city_median_age,
       round(sum(average_household_size * total_population)
             / sum(total_population) FILTER (average_household_size IS NOT NULL), 2) AS city_average_household_size
FROM city GROUP BY ALL;

CREATE TEMP TABLE races AS
PIVOT (SELECT state_code AS i94addr, race, race_count FROM i94.us_cities_demographics)
ON race IN ('Hispanic or Latino', 'White', 'Black or African-American', 'Asian', 'American Indian and Alaska Native')
USING sum(race_count);

CREATE TEMP TABLE airline_list AS FROM read_csv('{airlines}', all_varchar = true);

CREATE TEMP TABLE us_weather AS
SELECT city, latitude, longitude, month(dt) AS m, avg(average_temperature) AS celsius
FROM i94.world_temperature
WHERE iso3 = 'USA' AND average_temperature IS NOT NULL
  AND year(dt) > (SELECT max(year(dt)) - 30 FROM i94.world_temperature WHERE iso3 = 'USA')
GROUP BY ALL;

CREATE TEMP TABLE placed AS
SELECT w.city, w.latitude, w.longitude, arg_min(c.state_code, ifnull(a.d, 1e9)) AS i94addr
FROM (SELECT DISTINCT city, latitude, longitude FROM us_weather) AS w
JOIN city AS c USING (city)
LEFT JOIN LATERAL (
  SELECT min((p.latitude - w.latitude) ** 2 + ((p.longitude - w.longitude) * cos(radians(w.latitude))) ** 2) AS d
  FROM i94.airport_codes AS p WHERE p.iso_country = 'US' AND split_part(p.iso_region, '-', 2) = c.state_code
) AS a ON true
GROUP BY ALL;
"""

_STAYS = """
  count(*) AS visitors, count_if(stays_on) AS no_departure, count(days) AS stays, ifnull(sum(days), 0) AS stay_days
"""

QUERIES = {
    "arrivals_cube": f"SELECT * EXCLUDE (stays_on, days), {_STAYS} FROM fact GROUP BY ALL",
    "visitors_by_nationality": """
        WITH likely AS (
          SELECT i94yr, i94mon, i94cit, max_by(i94res, (n, -i94res)) AS code, max(n) AS n
          FROM (SELECT i94yr, i94mon, i94cit, i94res, count(*) AS n FROM fact WHERE i94res <> -1 GROUP BY ALL)
          GROUP BY ALL)
        SELECT f.i94yr, f.i94mon, f.i94cit, any_value(r.origin) AS nationality, any_value(r.status) AS status,
               any_value(r.iso3) AS iso3, any_value(r.region) AS region, count(*) AS visitors,
               if(any_value(r.status) = 'unlisted', any_value(h.origin), NULL) AS hint_likely_residence,
               if(any_value(r.status) = 'unlisted', any_value(l.n), NULL) AS hint_likely_residence_visitors
        FROM fact AS f JOIN residence AS r ON r.i94res = f.i94cit
        LEFT JOIN likely AS l USING (i94yr, i94mon, i94cit) LEFT JOIN residence AS h ON h.i94res = l.code
        GROUP BY f.i94yr, f.i94mon, f.i94cit""",
    "visitors_by_origin": """
        SELECT i94yr, i94mon, i94res, origin, status, iso3, region, count(*) AS visitors
        FROM fact JOIN residence USING (i94res) GROUP BY ALL""",
    "visitors_by_airline": """
        SELECT i94yr, i94mon, airline, count(*) AS visitors,
               CASE airline WHEN '*GA' THEN 'general aviation' WHEN 'VES' THEN 'vessel'
                            WHEN 'not given' THEN 'not given' ELSE 'airline' END AS carrier,
               if(carrier <> 'airline', carrier, ifnull(name, 'code ' || airline)) AS airline_name
        FROM fact LEFT JOIN airline_list ON code = airline GROUP BY ALL""",
    "destination_by_origin": """
        SELECT i94yr, i94mon, i94addr, state, i94res, origin, status, iso3, region, count(*) AS visitors
        FROM fact JOIN destination USING (i94addr) JOIN residence USING (i94res) GROUP BY ALL""",
    "destination_by_climate": """
        SELECT i94yr, i94mon, i94addr, state, climate_band, avg(mean_temperature) AS mean_temperature,
               count(DISTINCT nullif(i94res, -1)) AS source_countries, count(*) AS visitors
        FROM fact JOIN destination USING (i94addr) JOIN residence USING (i94res) GROUP BY ALL""",
    "origin_climate": """
        SELECT i94yr, i94mon, r.*, count(*) AS visitors FROM fact JOIN residence AS r USING (i94res) GROUP BY ALL""",
    "visitor_demographics_by_state": """
        SELECT i94yr, i94mon, i94addr, state, age_band, gender, i94visa, visa, count(*) AS visitors,
               CASE gender WHEN 'F' THEN 'female' WHEN 'M' THEN 'male' WHEN 'X' THEN 'recorded as X'
                           WHEN 'U' THEN 'recorded as unknown' WHEN 'not given' THEN 'not given'
                           ELSE 'recorded otherwise' END AS gender_label,
               ifnull(p.cities, 0) AS cities, p.* EXCLUDE (i94addr, cities),
               "Hispanic or Latino" AS city_hispanic_or_latino, "White" AS city_white, "Asian" AS city_asian,
               "Black or African-American" AS city_black_or_african_american,
               "American Indian and Alaska Native" AS city_american_indian_and_alaska_native
        FROM fact JOIN destination USING (i94addr) JOIN purpose USING (i94visa)
        LEFT JOIN people AS p USING (i94addr) LEFT JOIN races USING (i94addr) GROUP BY ALL""",
    "ports": """
        SELECT i94yr, i94mon, i94port, port, port_state, i94mode, ifnull(m.label, 'not given') AS mode,
               count(*) AS visitors
        FROM fact JOIN port USING (i94port) LEFT JOIN i94.i94mode AS m ON m.code = i94mode GROUP BY ALL""",
    "destination_by_port": """
        WITH n AS (SELECT i94yr, i94mon, i94addr, i94port, count(*) AS visitors FROM fact GROUP BY ALL),
        total AS (SELECT i94yr, i94mon, i94addr, count(*) AS state_visitors FROM fact GROUP BY ALL),
        border AS (SELECT i94addr, unnest(string_split(neighbours, ' ')) AS neighbour FROM destination),
        usual AS (
          SELECT b.i94addr, n.i94yr, n.i94mon, n.i94port, max(n.visitors / t.state_visitors) AS share
          FROM border AS b JOIN n ON n.i94addr = b.neighbour
          JOIN total AS t ON (t.i94yr, t.i94mon, t.i94addr) = (n.i94yr, n.i94mon, n.i94addr) GROUP BY ALL)
        SELECT n.*, d.state, p.port, p.port_state,
               if(p.port_state <> n.i94addr AND NOT list_contains(string_split(d.neighbours, ' '), p.port_state),
                  floor(ifnull(u.share, 0) * t.state_visitors + 0.5), NULL) AS usual_visitors,
               if(n.visitors >= 23 AND n.visitors - usual_visitors > t.state_visitors / 100,
                  CASE WHEN upper(p.city[1:2]) = n.i94addr
                         OR upper(p.city[1:1] || split_part(p.city, ' ', 2)[1:1]) = n.i94addr THEN p.port
                       WHEN upper(home.state[1:2]) = n.i94addr THEN home.state END, NULL) AS possible_meaning
        FROM n JOIN total AS t USING (i94yr, i94mon, i94addr) JOIN destination AS d USING (i94addr)
        JOIN port AS p USING (i94port) LEFT JOIN usual AS u USING (i94yr, i94mon, i94addr, i94port)
        LEFT JOIN destination AS home ON home.i94addr = p.port_state""",
    "stays": f"""
        SELECT i94yr, i94mon, i94addr, state, i94res, origin, i94visa, visa, {_STAYS}, avg(days) AS mean_stay
        FROM fact JOIN destination USING (i94addr) JOIN residence USING (i94res) JOIN purpose USING (i94visa)
        GROUP BY ALL""",
    "state_climate": """
        WITH by_city AS (
          SELECT p.*, avg(celsius) AS mean FROM placed AS p JOIN us_weather USING (city, latitude, longitude)
          GROUP BY ALL),
        by_state AS (
          SELECT i94addr, avg(mean) AS mean_temperature, count(*) AS temperature_cities,
                 sum(c.total_population) AS temperature_city_population
          FROM by_city JOIN city AS c ON c.city = by_city.city AND c.state_code = i94addr GROUP BY ALL),
        by_month AS (
          SELECT i94addr, m AS i94mon, avg(celsius) AS month_temperature
          FROM placed JOIN us_weather USING (city, latitude, longitude) GROUP BY ALL)
        SELECT i94yr, i94mon, i94addr, state, climate(s.mean_temperature) AS climate_band, s.mean_temperature,
               b.month_temperature, ifnull(s.temperature_cities, 0) AS temperature_cities,
               s.temperature_city_population, p.city_population, count(*) AS visitors
        FROM fact JOIN destination USING (i94addr) LEFT JOIN by_state AS s USING (i94addr)
        LEFT JOIN by_month AS b USING (i94addr, i94mon) LEFT JOIN people AS p USING (i94addr) GROUP BY ALL""",
    "origin_destination_affinity": """
        WITH o AS (SELECT i94yr, i94mon, i94addr, i94res, count(*) AS visitors FROM fact GROUP BY ALL),
        s AS (SELECT i94yr, i94mon, i94addr, count(*) AS n FROM fact GROUP BY ALL),
        c AS (SELECT i94yr, i94mon, i94res, count(*) AS n FROM fact GROUP BY ALL),
        t AS (SELECT i94yr, i94mon, count(*) AS n FROM fact GROUP BY ALL)
        SELECT o.*, d.state, r.origin, (s.n / t.n) * c.n AS expected_visitors, o.visitors / expected_visitors AS ratio,
               if(s.n = t.n OR c.n = t.n, NULL, (o.visitors - expected_visitors)
                  / sqrt(expected_visitors * (1 - s.n / t.n) * (1 - c.n / t.n))) AS standardized_residual
        FROM o JOIN s USING (i94yr, i94mon, i94addr) JOIN c USING (i94yr, i94mon, i94res) JOIN t USING (i94yr, i94mon)
        JOIN destination AS d USING (i94addr) JOIN residence AS r USING (i94res)""",
}


def connect(warehouse: Path, release: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Connect to a warehouse, with the marts of a release or its own as `published`, and prepare the tables above."""
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{warehouse}' AS warehouse (READ_ONLY)")
    connection.execute(f"ATTACH '{release or warehouse}' AS published (READ_ONLY)")
    connection.execute("USE warehouse")
    connection.execute(_PREPARATION.replace("{airlines}", str(PROJECT / "lookup" / "airlines.csv")))
    return connection


def find_differences(warehouse: Path, release: Path | None = None) -> tuple[int, list[str]]:
    """Compare each cell of the marts, or of those in the DuckDB file of a release, with plain SQL over the fact.

    Returns:
        How many cells were compared, and for each column that differs how many cells do, with an example.
    """
    with connect(warehouse, release) as connection:
        cells, differences = 0, list[str]()
        for mart in MONTHLY_MARTS:
            connection.execute(f"CREATE OR REPLACE TEMP TABLE expected AS {QUERIES[mart.name]}")
            ((rows,),) = connection.execute("SELECT count(*) FROM expected").fetchall()
            cells += rows * len(mart.columns)
            differences += _compare(connection, mart)
        return cells, differences


def _compare(connection: duckdb.DuckDBPyConnection, mart: Table) -> Iterator[str]:
    keys, columns = key_columns(mart), column_names(mart)
    joined = f"expected AS e FULL JOIN published.mart.{mart.name} AS m USING ({', '.join(keys)})"
    different = {name: f"e.{name} IS DISTINCT FROM m.{name}" for name in columns if name not in keys}
    for col in mart.columns:
        if isinstance(col.type, Double):
            gap = f"abs(e.{col.name} - m.{col.name}) > {TOLERANCE} * greatest(abs(e.{col.name}), 1)"
            different[col.name] = f"(e.{col.name} IS NULL) <> (m.{col.name} IS NULL) OR {gap}"
    counts = ", ".join(f"count_if({condition})" for condition in different.values())
    for name, count in zip(different, connection.execute(f"SELECT {counts} FROM {joined}").fetchall()[0], strict=True):
        if count:
            example = connection.execute(
                f"SELECT {', '.join(keys)}, e.{name}, m.{name} FROM {joined} WHERE {different[name]} LIMIT 1"
            ).fetchone()
            yield f"{mart.name}.{name}: {count:,} cells, such as {json.dumps(example, default=str)}"
