"""The figures of a month of arrivals: how common each value is, and how season and growth change that.

The figures were measured on April 2016 and rounded. The long lists of weights are in `weights.toml`;
`month_distributions` combines both for one month. A text of weights is "value:weight value:weight …", where "_" is a
missing value.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from i94_platform.sample.distributions import Categorical, Quantiles

GROUPS = (
    "europe",
    "north_pacific",
    "east_asia",
    "south_asia_africa",
    "latin_america",
    "caribbean",
    "south_pacific",
    "other",
)
"""Groups of origins whose residents use the same ports and carriers; Japan and Korea are `north_pacific`."""

LANES = (*GROUPS, "sea", "land", "unreported", "missing")
"""What port and carrier depend on: the group of the origin by air, otherwise the mode of arrival."""

MODES = Categorical.parse("1:2994505 2:26349 3:66660 9:8560 _:239")
"""The mode of arrival. The values after air are the last lanes, in the same order."""

OTHER_ORIGINS_WEIGHT = 23.14
"""Weight of all countries of residence without a weight of their own."""

# Country of residence: (citizenship, share of its residents), where many have another code than that of their
# residence. Most of these codes are unlisted.
CITIZENSHIPS = {
    112: (148, 0.985),
    276: (254, 0.995),
    209: (252, 0.166),
    158: (746, 0.98),
    264: (133, 0.99),
    135: (180, 0.009),
}
OTHER_CITIZENSHIPS = Categorical.parse(
    "574:6460 148:5000 254:2500 734:2721 999:894 718:866 756:846 311:402 714:390 267:304 247:218 "
    "407:117 125:93 766:61 752:56 727:46"
)
"""Unlisted, invalid and merged codes of citizenship. Residents of every country carry them."""

OTHER_CITIZENSHIP_SHARE, MIGRANT_SHARE = 0.0068, 0.045
"""Share of arrivals with one of `OTHER_CITIZENSHIPS`, and with the citizenship of another country of residence."""

# Group: (month of the peak, height of the peak over the mean, yearly growth of its share).
SEASONS = {
    "europe": (8, 0.12, 0.00),
    "north_pacific": (8, 0.05, 0.02),
    "east_asia": (7, 0.15, 0.09),
    "south_asia_africa": (6, 0.15, 0.04),
    "latin_america": (1, 0.12, -0.05),
    "caribbean": (7, 0.12, 0.00),
    "south_pacific": (12, 0.10, 0.01),
    "other": (7, 0.05, 0.02),
}
# New students relative to April, from January to December.
STUDENT_SEASON = (2.4, 1.0, 1.1, 1.0, 0.9, 1.0, 1.1, 4.2, 1.9, 0.9, 0.8, 1.0)

# Share of the smallest ports, and of general aviation, in what the long lists leave.
TRACE_SHARE = 0.02

# Chance that the first address is in the state of the port, for states without a figure of their own.
OTHER_PORT_STATE_SHARE = 0.2

WAIVER, VISA, GUAM, SAIPAN = range(4)
# Class of admission of waiver countries, of the others, and of the two islands with programmes of their own.
VISATYPES = (
    "WT:767.5 WB:167.1 B2:30.7 B1:13.4 E2:10.2 F1:6.9 E1:1.9 I:1.4 F2:0.4 M1:0.3 I1:0.1 M2:0.01",
    "B2:797.2 B1:142.1 WT:29.8 F1:20.6 WB:5 CP:3 E2:1.84 F2:1.7 I:0.65 M1:0.6 E1:0.45 "
    "I1:0.05 M2:0.02 CPL:0.01 SBP:0.01",
    "GMT:974 GMB:1.7 B2:16 B1:5 F1:3.3",
    "CP:935 B2:55 B1:10",
)
PURPOSE: Mapping[str, int] = {
    **dict.fromkeys(("WB", "B1", "E2", "E1", "I", "I1", "GMB"), 1),
    **dict.fromkeys(("WT", "B2", "GMT", "CP", "SBP", "CPL"), 2),
    **dict.fromkeys(("F1", "F2", "M1", "M2"), 3),
}
"""The visa code (business, pleasure, student) that each class of admission implies."""

WITHOUT_VISA = ("WT", "WB", "GMT", "GMB")
"""Classes of admission without a visa, and so without a post."""

ISLAND_PROGRAMMES = ("GMT", "GMB", "CP", "CPL")
"""Classes whose rows nearly always carry an INS number."""

_HALF_YEAR = "182:934 183:25 181:18 179:8 177:3 29:3 175:3 174:3 178:3"
_VISITOR = "89:954 90:30 88:6 82:3 83:2 86:2 79:2 29:1"
_STATUS = "D/S:996 29:2 _:2"
ADMISSIONS = {
    "WT": _VISITOR,
    "WB": _VISITOR,
    "B1": _HALF_YEAR,
    "B2": _HALF_YEAR,
    "GMT": "44:825 45:158 43:17",
    "GMB": "44:1",
    "CP": "11:400 10:280 12:250 13:50 _:20",
    "CPL": "230:1",
    "SBP": "2:1",
    "E1": "729:1",
    "E2": "729:980 182:20",
    "M1": "364:950 182:50",
    "M2": "364:1",
    "F1": _STATUS,
    "F2": _STATUS,
    "I": _STATUS,
    "I1": "D/S:810 1176:190",
}

_LEVELS = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1)
STAY_STRATA = ("waiver", "visa", "student", "island")
"""The strata of `STAYS` and `OPEN_STAY_SHARES`."""

STAYS = Quantiles(
    _LEVELS,
    (
        (1, 1, 2, 3, 4, 5, 6, 7, 8, 10.5, 14, 18, 24, 42, 67, 109, 171),
        (1, 1, 1, 3, 4, 6, 7, 9, 12, 15, 22, 45, 84, 121, 139, 161, 171),
        (1, 2, 6, 13, 26, 39, 49, 57, 65, 74, 87, 115, 134, 149, 155, 167, 170),
        (1, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 5, 6, 8, 31, 90),
    ),
)
"""Days from arrival to departure."""

OPEN_STAY_SHARES = np.array([0.0228, 0.0612, 0.3011, 0.1025])
"""Share of stays without a departure yet, by stratum."""

EARLY_DEPARTURE_SHARE = 0.00012
"""Share of departures before the arrival."""

AGES = Quantiles(
    _LEVELS,
    (
        (0, 21, 27, 29, 33, 36, 39, 42, 45, 48, 52, 57, 61, 66, 69, 81, 100),
        (0, 2, 9, 17, 27, 31, 36, 41, 47, 53, 59, 66, 71, 77, 80, 89, 102),
        (0, 7, 16, 17, 19, 21, 22, 24, 25, 27, 29, 33, 38, 46, 51, 66, 78),
    ),
)
"""Age by visa code, counted from 0."""

NO_AGE_SHARE = 0.00026
"""Share of arrivals without age and year of birth."""

GENDERS = Categorical.parse(
    "M:595 F:176 _:228.5 X:0.4 U:0.1", "F:470 M:411 _:118.4 X:0.5 U:0.15", "M:515 F:469 _:15.2 X:0.6 U:0.2"
)
"""Gender by visa code, counted from 0."""

LATE_FILING_SHARE = 0.0584
"""Share of records that were added to the file after the day of arrival."""

LATE_FILING_DAYS = Quantiles((0, 0.31, 0.4, 0.5, 0.75, 0.9, 0.95, 1), ((1, 1, 25, 61, 69, 73, 94, 150),))
"""Days from arrival to filing for those records."""

_ARRIVED_BY_AIR = "G:2381890 O:413057 A:90958 T:60755 K:17076 H:14159 P:13750 U:2265 B:401 N:165 M:27 F:3"
ARRIVAL_FLAGS = Categorical.parse(
    *[_ARRIVED_BY_AIR] * len(GROUPS),
    "G:17692 A:7944 T:318 H:182 U:103 P:76 N:34",
    "Z:64864 A:1762 P:27 N:7",
    "A:7896 P:544 T:71 N:46 U:3",
    "_:1",
)
"""Arrival flag by lane."""

DEPARTURE_FLAGS = Categorical.parse(
    "O:2513632 I:99846 D:96408 N:76192 K:70624 Q:52729 R:41879 J:1758 V:726 L:44 M:13 W:5", "_:138429 W:3882 D:110 V:36"
)
"""Departure flag: after a departure, and without one."""

UPDATE_FLAGS = Categorical.parse("_:999874 U:126")
"""Update flag."""

OCCUPATIONS = Categorical.parse(
    "_:2990 EXA:0.2 MKT:0.3 OTH:0.6 NRR:0.35 GLS:0.2 ULS:0.2 ADM:0.1 MVC:0.1 CEO:0.06 RET:0.05",
    "_:893 STU:88 OTH:9 TIE:3 TIP:2 ULS:3 CMP:1 UNP:1",
    "STU:940 OTH:30 CMP:14 _:16",
)
"""Occupation: of most people, of academic students (F1), of vocational students (M1)."""

INS_NUMBER_SHARES = np.array([0.0064, 0.912])
"""Share with an INS number: of most, and of the island programmes."""

ADMISSION_NUMBERS = Categorical.parse("0:970 3:14 4:2 2:13", "1:893 2:56 3:38 0:10 4:2.9 5:0.1")
"""Range of the admission number: without a visa, and with one."""

ADMISSION_RANGES = np.array(
    [[55.4e9, 60.3e9], [92.4e9, 95.1e9], [41.9e9, 49.9e9], [7.1e8, 8.6e8], [2.9e9, 3.8e9], [1.2e6, 2.8e6]]
)
"""Lowest and highest number of each range."""

REUSED_NUMBER_SHARE = 0.0065
"""Share of rows that carry the admission number of the row before."""

MISSING_POST_SHARE, FOREIGN_POST_SHARE = 0.14, 0.22
"""Share of visas without a post, and from the post of another origin."""

FLIGHTS = Categorical.of({str(number): (number + 1) ** -0.8 for number in range(90)})
"""The flights of a carrier by rank; a few bring most arrivals."""

FLIGHT_NUMBERS = Quantiles((0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1), ((1, 19, 101, 405, 903, 2546, 7005, 9999),))
"""The numbers that carriers give to flights."""

UNPADDED_SHARE = 0.024
"""Share of flight numbers by air without their leading zeros."""

NO_AIRLINE_SHARE = 0.00013
"""Weight of arrivals by air without a carrier."""

MANAD_SHARE, LAND_SHARE, NO_LAND_FLIGHT_SHARE = 0.303, 0.664, 0.027
"""Shares of other entries for the flight number: MANAD on vessels, LAND and none at land borders."""

WEEKDAYS = np.array([99134, 87821, 93533, 108436, 113088, 112827, 102761])
"""Arrivals per weekday, from Monday."""
