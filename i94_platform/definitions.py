"""The code location that Dagster loads: the graph for the settings in the environment."""

import warnings

from i94_platform.defs.build import build_definitions
from i94_platform.garbage import collect_rarely, freeze_loaded_objects
from i94_platform.settings import Settings

# what Dagster calls beta or preview is pinned exactly in uv.lock
warnings.filterwarnings("ignore", message=".*currently in (beta|preview)")

collect_rarely()
defs = build_definitions(Settings.from_env())
freeze_loaded_objects()
