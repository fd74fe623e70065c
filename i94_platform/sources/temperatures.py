"""The land temperatures by city: GlobalLandTemperaturesByCity.csv, which an engine reads as it is delivered.

The queries that make the contract `world_temperature` from it are in `transforms.temperatures`.
"""

from __future__ import annotations

from i94_platform.contracts.reference import world_temperature
from i94_platform.sources.source import Source

HEADERS = {
    "dt": "dt",
    "average_temperature": "AverageTemperature",
    "average_temperature_uncertainty": "AverageTemperatureUncertainty",
    "city": "City",
    "country": "Country",
    "latitude": "Latitude",
    "longitude": "Longitude",
}
"""The contract's columns and the file's."""

SOURCE = Source(
    name="land_temperatures",
    description="Monthly land temperatures by city since the 18th century.",
    file_name="GlobalLandTemperaturesByCity.csv",
    formats=("csv",),
    contracts=(world_temperature,),
    headers=HEADERS,
    module=__name__,
)
