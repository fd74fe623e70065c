"""The dashboard's charts: a Vega-Lite specification each, in a file of `chart_specs`.

A specification names its data (`rows`, `atlas`, …). The page gives it width, data, and parameters: the colours of the
style sheet, `narrow` (a phone), `most` (the largest value of the file's `measure`, visitors unless given), and those of
the chart. `{"$param": "name"}` stands for a parameter's value where Vega-Lite takes no expression. A file may have the
`ratio` of height to width, where the specification has no height.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_SPECS = Path(__file__).parent / "chart_specs"


def load_charts() -> dict[str, dict[str, Any]]:
    """Load every chart, by the name of its file."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(_SPECS.glob("*.json"))}
