"""The code location that Dagster loads: the graph for the settings in the environment."""

from i94_platform.build import build_definitions
from i94_platform.settings import Settings

defs = build_definitions(Settings.from_env())
