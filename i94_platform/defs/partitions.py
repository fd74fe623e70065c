"""The partitions definition that every monthly asset, check and sensor shares."""

import dagster as dg

from i94_platform.defs.deployment import SETTINGS
from i94_platform.partitions import Month

_END = Month.parse(SETTINGS.last_month).next_first_day.strftime("%Y-%m") if SETTINGS.last_month else None

monthly_partitions = dg.MonthlyPartitionsDefinition(start_date=SETTINGS.first_month, end_date=_END, fmt="%Y-%m")
"""The months from `I94_FIRST_MONTH` to `I94_LAST_MONTH`, or to the last completed one, with keys such as `2016-04`."""
