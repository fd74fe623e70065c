"""The code lists, the reference tables and the dimensions."""

import datetime as dt

from sqlalchemy import Boolean, Date, Double, Integer, String, Table

from i94_platform.contracts.model import column, table, warehouse_metadata

_LABELS = "I94_SAS_Labels_Descriptions.SAS"
_DEMOGRAPHICS = "us-cities-demographics.csv"
_AIRPORTS = "airport-codes_csv.csv"
_TEMPERATURES = "GlobalLandTemperaturesByCity.csv"
_STATES = "lookup/states.csv"
_POSITIONS = "lookup/country_positions.csv"
_ISO = "ISO 3166 and UN M49 through country_converter, lookup/country_corrections.csv"

COUNTRY_STATUS = ("valid", "invalid", "no country code", "collapsed")
PORT_STATUS = ("valid", "no port code", "collapsed", "unknown")

i94cit_res: Table = table(
    warehouse_metadata,
    "i94cit_res",
    "Code list of countries, used for citizenship (i94cit) and residence (i94res).",
    column("code", Integer(), "Country code of the I-94 form; not an ISO code.", source=_LABELS, key=True, low=0, high=999),
    column("label", String(128), "Name of the country as the label file spells it, outer blanks removed.", source=_LABELS, nullable=False),
    column("status", String(16), "Whether the list calls the code valid, invalid, without country or collapsed into another.", source=_LABELS, nullable=False, allowed=COUNTRY_STATUS),
    domain="codes",
    grain="one row per country code",
)

i94port: Table = table(
    warehouse_metadata,
    "i94port",
    "Code list of ports of entry (CBP codes, not IATA).",
    column("code", String(3), "CBP code of the port.", source=_LABELS, key=True),
    column("label", String(128), "Name of the port as the label file spells it, outer blanks removed.", source=_LABELS, nullable=False),
    column("name", String(128), "Name of the port in the spelling of people, such as New York, NY.", source=_LABELS, nullable=False),
    column("city", String(128), "City or place where the label names one.", source=_LABELS),
    column("state", String(2), "US state or territory where the label ends in one of the listed codes.", source=_LABELS, references="i94addr.code"),
    column("country", String(64), "Country or foreign region as the label writes it, United States for US ports; null where it says nothing.", source=_LABELS),
    column("status", String(16), "Whether the port is named, without a port code, collapsed into another or unknown.", source=_LABELS, nullable=False, allowed=PORT_STATUS),
    domain="codes",
    grain="one row per port code",
)

i94mode: Table = table(
    warehouse_metadata,
    "i94mode",
    "Code list of modes of arrival.",
    column("code", Integer(), "Mode code.", source=_LABELS, key=True, low=0, high=9),
    column("label", String(32), "Mode of arrival in words.", source=_LABELS, nullable=False),
    domain="codes",
    grain="one row per mode of arrival",
)

i94addr: Table = table(
    warehouse_metadata,
    "i94addr",
    "Code list of states and territories of the first address.",
    column("code", String(2), "Postal code of the state or territory; 99 for all other codes.", source=_LABELS, key=True),
    column("label", String(64), "State name as the label file spells it (WISCONSON, N. CAROLINA).", source=_LABELS, nullable=False),
    domain="codes",
    grain="one row per state code",
)

i94visa: Table = table(
    warehouse_metadata,
    "i94visa",
    "Code list of purposes of visit.",
    column("code", Integer(), "Purpose code.", source=_LABELS, key=True, low=1, high=9),
    column("label", String(32), "Purpose of the visit in words.", source=_LABELS, nullable=False),
    domain="codes",
    grain="one row per purpose of visit",
)

us_cities_demographics: Table = table(
    warehouse_metadata,
    "us_cities_demographics",
    "People of US cities of 65,000 and more by race; the city's own figures repeat on each of its race rows.",
    column("city", String(64), "Name of the city; 26 names occur in more than one state.", source=_DEMOGRAPHICS, key=True),
    column("state_code", String(2), "Postal code of the state.", source=_DEMOGRAPHICS, key=True, references="i94addr.code"),
    column("race", String(64), "Race or origin; the groups overlap and are not a partition of the population.", source=_DEMOGRAPHICS, key=True),
    column("state", String(64), "Name of the state in full.", source=_DEMOGRAPHICS, nullable=False),
    column("median_age", Double(), "Median age of the city's people.", source=_DEMOGRAPHICS, unit="years", low=0, high=120),
    column("male_population", Integer(), "Men and boys in the city.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("female_population", Integer(), "Women and girls in the city.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("total_population", Integer(), "All people of the city.", source=_DEMOGRAPHICS, unit="people", nullable=False, low=0),
    column("veterans", Integer(), "Veterans in the city; not given for Puerto Rico.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("foreign_born", Integer(), "People of the city born abroad; not given for Puerto Rico.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("average_household_size", Double(), "People per household in the city.", source=_DEMOGRAPHICS, unit="people", low=0, high=20),
    column("race_count", Integer(), "People of the city who named this race or origin.", source=_DEMOGRAPHICS, unit="people", nullable=False, low=0),
    domain="people",
    grain="one row per city, state and race",
    sort=("state_code", "city"),
)

airport_codes: Table = table(
    warehouse_metadata,
    "airport_codes",
    "Airports of the world. Never join them to i94port: CBP's codes are not IATA's.",
    column("ident", String(16), "Identifier of the airport in the source.", source=_AIRPORTS, key=True),
    column("type", String(32), "Kind of airport, such as heliport or large_airport.", source=_AIRPORTS, nullable=False),
    column("name", String(256), "Name of the airport.", source=_AIRPORTS),
    column("elevation_ft", Integer(), "Height above sea level.", source=_AIRPORTS, unit="feet", low=-2000, high=30000),
    column("continent", String(2), "Continent code; NA is North America.", source=_AIRPORTS, allowed=("AF", "AN", "AS", "EU", "NA", "OC", "SA")),
    column("iso_country", String(2), "ISO 3166 alpha-2 code of the country; NA is Namibia.", source=_AIRPORTS, nullable=False),
    column("iso_region", String(16), "ISO 3166-2 code of the region.", source=_AIRPORTS, nullable=False),
    column("municipality", String(128), "Town that the airport serves.", source=_AIRPORTS),
    column("gps_code", String(16), "Code used in GPS databases, often ICAO's.", source=_AIRPORTS),
    column("iata_code", String(8), "IATA code.", source=_AIRPORTS),
    column("local_code", String(16), "Code used in the country itself.", source=_AIRPORTS),
    column("latitude", Double(), "Degrees north, read in the order that the file as a whole uses.", source=_AIRPORTS, unit="degrees", nullable=False, low=-90, high=90),
    column("longitude", Double(), "Degrees east, read in the order that the file as a whole uses.", source=_AIRPORTS, unit="degrees", nullable=False, low=-180, high=180),
    domain="places",
    grain="one row per airport",
    sort=("iso_country", "ident"),
)

world_temperature: Table = table(
    warehouse_metadata,
    "world_temperature",
    "Monthly mean land temperature by city; a city is its name, country and place, since names repeat.",
    column("dt", Date(), "First day of the month.", source=_TEMPERATURES, key=True, unit="date"),
    column("city", String(64), "Name of the city.", source=_TEMPERATURES, key=True),
    column("country", String(64), "Name of the country as the source spells it.", source=_TEMPERATURES, key=True),
    column("latitude", Double(), "Degrees north of the grid point, south negative.", source=_TEMPERATURES, key=True, unit="degrees", low=-90, high=90),
    column("longitude", Double(), "Degrees east of the grid point, west negative.", source=_TEMPERATURES, key=True, unit="degrees", low=-180, high=180),
    column("average_temperature", Double(), "Mean temperature of the month; null where the source has none.", source=_TEMPERATURES, unit="°C", low=-90, high=70),
    column("average_temperature_uncertainty", Double(), "Half-width of the 95 % interval around the mean.", source=_TEMPERATURES, unit="°C", low=0, high=50),
    column("iso3", String(3), "ISO 3166 alpha-3 code of the country.", source=_ISO),
    domain="climate",
    grain="one row per month and city (dt, city, country, latitude, longitude)",
    sort=("iso3", "dt"),
)

state: Table = table(
    warehouse_metadata,
    "state",
    "States of the first address with their inhabitants, and the people of their cities of 65,000 and more.",
    column("code", String(2), "Postal code; 99 for all other codes.", source=_LABELS, key=True, references="i94addr.code"),
    column("label", String(64), "State name as the code list spells it.", source=_LABELS, nullable=False),
    column("name", String(64), "Name of the state in the spelling of people, such as Wisconsin.", source=_STATES, nullable=False),
    column("neighbours", String(64), "Codes of the states that it borders on by land, with blanks between; null without any.", source=_STATES),
    column("cities", Integer(), "Cities of 65,000 and more that the figures cover.", source=_DEMOGRAPHICS, unit="cities", nullable=False, low=0),
    column("median_age", Double(), "Mean of the cities' median ages weighted by population: an approximation.", source=_DEMOGRAPHICS, unit="years", low=0, high=120),
    column("male_population", Integer(), "Men and boys in these cities, over cities that give the figure.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("female_population", Integer(), "Women and girls in these cities, over cities that give the figure.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("city_population", Integer(), "All people in these cities, each city counted once.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("veterans", Integer(), "Veterans in these cities; null where no city gives the figure.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("foreign_born", Integer(), "People born abroad in these cities; null where no city gives the figure.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("average_household_size", Double(), "Mean household size of these cities weighted by population: an approximation.", source=_DEMOGRAPHICS, unit="people", low=0, high=20),
    column("hispanic_or_latino", Integer(), "People of these cities who named Hispanic or Latino origin.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("white", Integer(), "People of these cities who named themselves white.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("black_or_african_american", Integer(), "People of these cities who named themselves black or African-American.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("asian", Integer(), "People of these cities who named themselves Asian.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("american_indian_and_alaska_native", Integer(), "People of these cities who named themselves American Indian or Alaska Native.", source=_DEMOGRAPHICS, unit="people", low=0),
    column("inhabitants", Integer(), "Inhabitants of the whole state in the census of 2010 (US Census Bureau).", source=_STATES, unit="people", low=0),
    domain="people",
    grain="one row per state code of the I-94 form",
)

country: Table = table(
    warehouse_metadata,
    "country",
    "Countries of citizenship and residence: every listed code, and every unlisted code that the arrivals carry.",
    column("code", Integer(), "Country code of the I-94 form; not an ISO code.", source=_LABELS, key=True),
    column("label", String(128), "Name as the code list spells it, or 'unlisted code N'.", source=_LABELS, nullable=False),
    column("status", String(16), "Status in the code list, or unlisted for codes that only the arrivals carry.", source=_LABELS, nullable=False, allowed=(*COUNTRY_STATUS, "unlisted")),
    column("name", String(64), "Name in the spelling of people, such as Mexico; of an unlisted code 'code 148 (likely Germany)', which is a hint.", source=_ISO, nullable=False),
    column("iso3", String(3), "ISO 3166 alpha-3 code; null where the code names no country or an ambiguous one.", source=_ISO),
    column("continent", String(16), "Continent of the ISO country.", source=_ISO),
    column("region", String(64), "UN M49 region of the ISO country.", source=_ISO),
    column("mean_temperature", Double(), "Mean over cities of their mean yearly temperature, last 30 years of the data.", source=_TEMPERATURES, unit="°C", low=-90, high=70),
    column("latitude", Double(), "Latitude of the middle of the country's largest part, south negative.", source=_POSITIONS, unit="degrees", low=-90, high=90),
    column("longitude", Double(), "Longitude of the middle of the country's largest part, west negative.", source=_POSITIONS, unit="degrees", low=-180, high=180),
    column("temperature_cities", Integer(), "Cities behind the mean temperature.", source=_TEMPERATURES, unit="cities", low=1),
    domain="places",
    grain="one row per country code of the I-94 form",
)

calendar: Table = table(
    warehouse_metadata,
    "calendar",
    "Contiguous days for the dates of arrival, departure and admission.",
    column("date", Date(), "The day.", source="computed", unit="date", key=True, low=dt.date(2000, 1, 1)),
    column("year", Integer(), "Calendar year.", source="computed", unit="year", nullable=False),
    column("quarter", Integer(), "Quarter of the year, 1 to 4.", source="computed", unit="quarter", nullable=False, low=1, high=4),
    column("month", Integer(), "Month of the year, 1 to 12.", source="computed", unit="month", nullable=False, low=1, high=12),
    column("day", Integer(), "Day of the month, 1 to 31.", source="computed", unit="day", nullable=False, low=1, high=31),
    column("iso_week", Integer(), "ISO 8601 week, 1 to 53.", source="computed", unit="week", nullable=False, low=1, high=53),
    column("weekday", Integer(), "ISO 8601 day of the week, Monday is 1.", source="computed", unit="day", nullable=False, low=1, high=7),
    column("weekday_name", String(9), "English name of the day of the week.", source="computed", nullable=False),
    column("month_name", String(9), "English name of the month.", source="computed", nullable=False),
    column("is_weekend", Boolean(), "True on Saturday and Sunday.", source="computed", nullable=False),
    domain="time",
    grain="one row per day",
)

LOOKUPS: tuple[Table, ...] = (i94cit_res, i94port, i94mode, i94addr, i94visa)
"""The code lists."""
REFERENCES: tuple[Table, ...] = (us_cities_demographics, airport_codes, world_temperature)
"""The tables that hold one delivered file each."""
DIMENSIONS: tuple[Table, ...] = (state, country, calendar)
"""The dimensions that are built from other tables."""
