"""The groups that the marts count arrivals by, and what stands where a value is missing."""

from collections.abc import Mapping

NOT_GIVEN = "not given"
"""The label of a missing value; it is longer than any code of an airline."""

NO_CODE = -1
"""The code of a missing citizenship, residence or mode of arrival; no delivered code is below 0."""

LONGEST_STAY = 365
"""Days; a longer stay, or one below 0, is an error of the arrival or the departure, and counts as not known."""

UNKNOWN = "unknown"

CLIMATE_BANDS: tuple[tuple[str, float | None, float | None], ...] = (
    ("cold", None, 5.0),
    ("cool", 5.0, 10.0),
    ("mild", 10.0, 15.0),
    ("warm", 15.0, 20.0),
    ("hot", 20.0, 25.0),
    ("very hot", 25.0, None),
)
"""Name, lowest mean temperature in °C, and the first one above; a country without a temperature is `unknown`."""

AGE_BANDS: tuple[tuple[str, int, int | None], ...] = (
    ("0-17", 0, 18),
    ("18-24", 18, 25),
    ("25-34", 25, 35),
    ("35-44", 35, 45),
    ("45-54", 45, 55),
    ("55-64", 55, 65),
    ("65+", 65, None),
)
"""Name, lowest age in years, and the first one above; a missing age, or one below 0, is `unknown`."""

GENDERS: Mapping[str, str] = {
    "F": "female",
    "M": "male",
    "X": "recorded as X",
    "U": "recorded as unknown",
    NOT_GIVEN: NOT_GIVEN,
}

OTHER_GENDER = "recorded otherwise"
"""The label of a letter that the contract of the arrivals does not allow, but only warns of."""

CARRIERS: Mapping[str, str] = {"*GA": "general aviation", "VES": "vessel", NOT_GIVEN: NOT_GIVEN}
"""The codes that name no airline; what `*GA` and `VES` mean is inferred from the arrivals."""
AIRLINE = "airline"
