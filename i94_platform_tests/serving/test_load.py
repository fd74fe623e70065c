"""Many clients at once get no error and no mixture of releases, while releases replace each other.

The clients pause, so that tests beside it get the processor; `python -m bench.load` is the same without pauses.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load import Load, LoadResult, measure_load


def assert_right(result: LoadResult, responses: int) -> None:
    print(result.report())
    assert result.errors == []
    assert set(result.statuses) == {200}
    assert len(result.latencies) > responses
    assert len({version for version, _ in result.bodies}) >= 2, "no release was replaced meanwhile"


def test_twenty_clients_get_right_responses_for_some_seconds(tmp_path: Path) -> None:
    load = Load(clients=20, seconds=5.0, per_month=10, pause=0.2, warm_up=0.5, publish_seconds=0.3)
    result, _ = measure_load(tmp_path, load)
    assert_right(result, 20 * 5)


@pytest.mark.slow
def test_two_hundred_clients_get_right_responses_for_a_minute_in_constant_memory(tmp_path: Path) -> None:
    result, _ = measure_load(tmp_path, Load(clients=200, seconds=60.0, per_month=60, pause=2.0))
    assert_right(result, 200 * 10)
    assert result.rss_mb[1] < result.rss_mb[0] * 1.2 + 30, "memory grew"
