"""A run launcher that starts no process: it records what a run would load, and that it has succeeded.

With it a real daemon with real sensors goes through hundreds of runs in a minute.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster._core.launcher.base import LaunchRunContext, RunLauncher
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.settings import Settings
from i94_platform.staleness.run_inputs import DELIVERED_TAG
from i94_platform_tests.support.daemon_simulator import DaemonSimulator


class RecordingLauncher(RunLauncher[Any], ConfigurableClass):
    """Records runs as successful."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """The configuration that it was made from."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Declare no configuration."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> RecordingLauncher:
        """Make a launcher for a dagster.yaml."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Record start, materializations and success of a run."""
        run, settings = context.dagster_run, Settings.from_env()
        lake = Lake(LocalStore(settings.lake))
        recorder = DaemonSimulator(LocalStore(settings.raw), lake, instance=self._instance)
        month = run.tags.get(PARTITION_NAME_TAG, "")
        self._report(run, dg.DagsterEventType.RUN_START)
        if DELIVERED_TAG in run.tags:
            recorder.load(month, run.run_id, recorder.states)
        for key in run.asset_selection or ():
            recorder.materialize(key.to_user_string(), month, run.run_id, run.run_id)
        self._report(run, dg.DagsterEventType.RUN_SUCCESS)

    def _report(self, run: dg.DagsterRun, type_: dg.DagsterEventType) -> None:
        self._instance.report_dagster_event(dg.DagsterEvent(type_.value, run.job_name), run.run_id)

    def terminate(self, run_id: str) -> bool:
        """Terminate nothing."""
        return False
