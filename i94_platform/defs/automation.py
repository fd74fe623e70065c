"""The automation: when marts, correlations and release follow what was loaded, by whatever means.

Dagster compares materializations, not rows: it does not query the warehouse, which may be paused or locked.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import and_, or_
from typing import Any

import dagster as dg

from i94_platform.contracts import MARTS, MONTHLY_MARTS, PUBLISHED
from i94_platform.defs.deployment import SETTINGS
from i94_platform.defs.keys import source_key, to_key
from i94_platform.marts.rendering import source_tables

Condition = dg.AutomationCondition[Any]

_UPDATED = dg.AutomationCondition.newly_updated()
_REQUESTED = dg.AutomationCondition.newly_requested()
_RUN_IN_PROGRESS = dg.AutomationCondition.run_in_progress()
_IN_PROGRESS = dg.AutomationCondition.in_progress()
_MISSING = dg.AutomationCondition.missing()
_UPSTREAM_UPDATED = dg.AutomationCondition.any_deps_match(_UPDATED)

_FACT = to_key("warehouse/immigration")
_MART_SOURCES = sorted({to_key(f"warehouse/{name}") for mart in MONTHLY_MARTS for name in source_tables(mart)})
_MARTS = [source_key(mart) for mart in MARTS]
_PUBLISHED = [source_key(contract) for contract in PUBLISHED]
_TABLES = sorted({*_MART_SOURCES, *_PUBLISHED} - {_FACT, *_MARTS})


def _any_of(conditions: Iterable[Condition]) -> Condition:
    return reduce(or_, conditions)


def _any_match(keys: Iterable[dg.AssetKey], condition: Condition) -> Condition:
    return _any_of(dg.AutomationCondition.asset_matches(key, condition) for key in keys)


_FACT_UPDATED = dg.AutomationCondition.asset_matches(_FACT, _UPDATED)
_FACT_IN_PROGRESS = dg.AutomationCondition.asset_matches(_FACT, _IN_PROGRESS)
_MARTS_IN_PROGRESS = dg.AutomationCondition.any_deps_match(_IN_PROGRESS)


def _has_just_ended(in_progress: Condition, updated: Condition) -> Condition:
    """Whether it has ended since the last tick, without an update that this tick has read.

    A tick reads the updates before the runs: what a run brings that ends in between is seen by the next tick only.
    """
    has_ended = (~in_progress).newly_true() & ~dg.AutomationCondition.initial_evaluation()
    return has_ended & ~updated


# a `since` of an `or` would forget which of two events between two evaluations came last
_OUTDATED = _UPSTREAM_UPDATED.since(_UPDATED) & ~_MISSING
STALE: Condition = (
    (_UPSTREAM_UPDATED.since(_UPDATED) & _UPSTREAM_UPDATED.since(_REQUESTED))
    | (dg.AutomationCondition.code_version_changed() | dg.AutomationCondition.newly_missing()).since(
        _UPDATED | _REQUESTED
    )
).with_label("stale")
"""Missing, of older code, or older than what it reads; not requested since, so that a failed run is not repeated."""

MONTHLY_MART: Condition = (
    STALE
    & ~_IN_PROGRESS
    & ~dg.AutomationCondition.any_deps_missing()
    & ~_any_match(_MART_SOURCES, _RUN_IN_PROGRESS)
    & ~_has_just_ended(_RUN_IN_PROGRESS | _FACT_IN_PROGRESS, _UPDATED | _FACT_UPDATED)
)
"""For months with a fact. All marts wait for the runs of the sources of all, so that one run refreshes a month."""

CORRELATIONS: Condition = (
    STALE
    & dg.AutomationCondition.all_deps_match(~_MISSING)
    & ~_IN_PROGRESS
    & ~_MARTS_IN_PROGRESS
    # the marts of a fact that has just been updated are requested now
    & ~(_FACT_UPDATED | _FACT_IN_PROGRESS)
    & ~_has_just_ended(_RUN_IN_PROGRESS | _FACT_IN_PROGRESS | _MARTS_IN_PROGRESS, _UPDATED | _UPSTREAM_UPDATED)
)
"""After the marts of all months that are loaded together."""

RELEASE: Condition = (
    (_any_of(dg.AutomationCondition.asset_matches(key, _UPDATED).since(_UPDATED) for key in _PUBLISHED) | _MISSING)
    & ~_REQUESTED.since(_any_match(_PUBLISHED, _UPDATED))
    & reduce(and_, (dg.AutomationCondition.asset_matches(key, ~_MISSING) for key in _MARTS))
    & ~_IN_PROGRESS
    & ~_any_match(_TABLES, _RUN_IN_PROGRESS)
    & ~(_FACT_UPDATED | _FACT_IN_PROGRESS)
    & ~_any_match(_MARTS, _OUTDATED | _IN_PROGRESS)
    & ~_has_just_ended(
        _RUN_IN_PROGRESS | _FACT_IN_PROGRESS | _any_match(_MARTS, _RUN_IN_PROGRESS),
        _UPDATED | _any_match(_PUBLISHED, _UPDATED),
    )
)
"""For the published correlations, which come last. Their run publishes all tables."""

marts_and_release = dg.AutomationConditionSensorDefinition(
    "marts_and_release",
    target=dg.AssetSelection.key_prefixes("mart", "published"),
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    emit_backfills=False,
    description="Requests marts, correlations and release when what they read has changed.",
)
