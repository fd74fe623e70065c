"""Pins that many clients at once get no error and nothing half-published while releases follow each other.

`python -m bench.load` is the same for a minute, with figures.
"""

from __future__ import annotations

from pathlib import Path

from bench.load import measured


def test_two_hundred_clients_get_whole_answers_while_the_release_is_replaced(tmp_path: Path) -> None:
    load = measured(tmp_path, clients=200, seconds=5.0, per_month=60)
    assert load.wrong == []
    assert set(load.statuses) == {200}
    assert len(load.latencies) > 400, "each client was answered more than twice"
    assert len({version for version, _ in load.answers}) >= 2, "no release was replaced meanwhile"
    assert load.rss[1] < load.rss[0] * 1.5 + 50
