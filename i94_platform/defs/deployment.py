"""The settings of the deployment whose definitions this process loads.

Definitions at module level need a few of them when they are declared: the first month, intervals, the day of the
delivery. Everything else reads the resource `settings` when it runs.
"""

from i94_platform.settings import Settings

SETTINGS = Settings.from_env()
