"""Many clients at once get no error and no mixture of releases, while releases replace each other.

The clients pause, so that tests beside it get the processor; `python -m bench.load` is the same without pauses. A few
readers without pauses are in `test_release_store`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load import Load, measure_load


@pytest.mark.slow
def test_two_hundred_clients_get_right_responses_for_a_minute_in_constant_memory(tmp_path: Path) -> None:
    result, _ = measure_load(tmp_path, Load(clients=200, seconds=60.0, per_month=60, pause=2.0))
    print(result.report())
    assert result.errors == []
    assert set(result.statuses) == {200}
    assert len(result.latencies) > 200 * 10
    assert len({version for version, _ in result.bodies}) >= 2, "no release was replaced meanwhile"
    assert result.rss_mb[1] < result.rss_mb[0] * 1.2 + 30, "memory grew"
