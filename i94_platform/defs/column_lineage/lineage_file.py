"""Read and render the file of the column lineage, which takes seconds to compute."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from i94_platform.errors import PermanentError

FILE = Path(__file__).with_name("column_lineage.json")


def render_lineage_file() -> str:
    """Compute the lineage and render the text of the file."""
    from i94_platform.defs.column_lineage.compute import compute_lineage

    return json.dumps(compute_lineage(), indent=1) + "\n"


@cache
def load_lineage() -> dict[str, dict[str, list[str] | str]]:
    """Load the sources of each column, by asset and column; an asset is named `layer/name`."""
    lineage: dict[str, dict[str, list[str] | str]] = json.loads(FILE.read_text("utf-8"))
    return lineage


def load_column_sources(asset: str) -> dict[str, list[str] | str]:
    """Load the sources of each column of an asset: columns as `layer/name.column`, or the reason why it has none.

    Raises:
        PermanentError: the file does not have the asset.
    """
    try:
        return load_lineage()[asset]
    except KeyError:
        raise PermanentError(
            f"{FILE.name} has no lineage of {asset}. Run `make docs`, or i94 lineage --write. If it is still missing, "
            f"trace the asset in defs/column_lineage/compute.py."
        ) from None
