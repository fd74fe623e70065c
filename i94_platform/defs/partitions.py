"""The months: the one partitions definition that every monthly asset, check and sensor shares."""

import dagster as dg

from i94_platform.defs.deployment import SETTINGS

monthly_partitions = dg.MonthlyPartitionsDefinition(start_date=SETTINGS.first_month, fmt="%Y-%m")
"""From `I94_FIRST_MONTH` to the last completed month; a key is such as `2016-04`."""
