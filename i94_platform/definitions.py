"""The code location that Dagster loads: the definitions for the settings in the environment."""

import warnings

from i94_platform.defs.build import build_definitions
from i94_platform.settings import Settings

settings = Settings.from_env()
with warnings.catch_warnings():
    # uv.lock pins Dagster, so that its beta features can't change unnoticed
    warnings.filterwarnings("ignore", message=".*currently in (beta|preview)")
    defs = build_definitions(settings)

if settings.freeze_definitions:
    from i94_platform.operations.process_tuning import freeze_definitions

    freeze_definitions()
