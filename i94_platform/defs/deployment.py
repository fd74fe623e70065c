"""The settings of the deployment whose definitions this process loads.

Only what a definition needs at import comes from here: the first month, the intervals of the sensors, the day of the
delivery. Everything else uses the resource `settings`.
"""

from i94_platform.settings import Settings

SETTINGS = Settings.from_env()
