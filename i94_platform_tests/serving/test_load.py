"""Pins that many clients at once get no error and nothing half-published, for a minute of releases replaced.

The clients pause, so that the minute leaves the processor to the tests beside it; `python -m bench.load` is the same
without pauses.
"""

from __future__ import annotations

from pathlib import Path

from bench.load import measured


def test_two_hundred_clients_get_whole_answers_for_a_minute_while_releases_are_replaced(tmp_path: Path) -> None:
    load = measured(tmp_path, clients=200, seconds=60.0, per_month=60, pause=2.0)
    print("\n".join(load.lines()))
    assert load.wrong == []
    assert set(load.statuses) == {200}
    assert len(load.latencies) > 200 * 10, "each client was answered again and again"
    assert len({version for version, _ in load.answers}) >= 2, "no release was replaced meanwhile"
    assert load.rss[1] < load.rss[0] * 1.2 + 30, "memory grew"
