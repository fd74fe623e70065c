"""Everything that Dagster loads: assets, checks, jobs, schedules, sensors, and the resources that they use.

`build` assembles the definitions; each other module holds one kind of them at module level.
"""
