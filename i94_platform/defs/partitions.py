"""The partitions definition that every monthly asset, check and sensor shares."""

import dagster as dg

from i94_platform.defs.deployment import SETTINGS

monthly_partitions = dg.MonthlyPartitionsDefinition(start_date=SETTINGS.first_month, fmt="%Y-%m")
"""The months from `I94_FIRST_MONTH` to the last completed one, with keys such as `2016-04`."""
