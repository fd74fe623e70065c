"""What Dagster loads: assets, checks, jobs, schedules, sensors and resources.

Each is defined at module level, in the module or folder of its kind. `build` assembles them.
"""
