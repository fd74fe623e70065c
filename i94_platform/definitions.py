"""The code location that Dagster loads: the definitions for the settings in the environment."""

import warnings

with warnings.catch_warnings():
    # uv.lock pins Dagster, so that its beta features can't change unnoticed
    warnings.filterwarnings("ignore", message=".*currently in (beta|preview)")

    from i94_platform.defs.build import build_definitions
    from i94_platform.defs.deployment import SETTINGS
    from i94_platform.umask import apply_umask

    defs = build_definitions(SETTINGS)

# Dagster starts code servers and runs, and they start here
apply_umask()
if SETTINGS.freeze_definitions:
    from i94_platform.operations.process_tuning import freeze_definitions

    freeze_definitions()
