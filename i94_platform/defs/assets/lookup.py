"""The five code lists, parsed from the label file into the lake as CSV.

Here: one asset that makes all five, since they come from one file. Not here: the parser (`transforms.labels`), and the
comparison with the reviewed copies (`checks`).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from i94_platform.contracts import LOOKUPS
from i94_platform.contracts.rendering.arrow import to_arrow
from i94_platform.defs.metadata import dataset_result, layer_key, raise_dagster_failures, write_id
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.store import Store
from i94_platform.sources.labels import parse_code_lists
from i94_platform.sources.listing import list_deliveries


def lookup_assets() -> list[dg.AssetsDefinition]:
    """The lookup layer."""

    @dg.multi_asset(
        name="lookup",
        specs=[
            dg.AssetSpec(
                layer_key("lookup", c.name),
                deps=[layer_key("raw", "i94_labels")],
                description=f"{c.comment} As CSV, parsed from the label file.",
            )
            for c in LOOKUPS
        ],
    )
    def lookup(
        context: dg.AssetExecutionContext, raw: dg.ResourceParam[Store], lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with raise_dagster_failures() as seconds:
            delivery = list_deliveries(raw.list()).require_reference("i94_labels", raw.root)
            path, version = delivery.files[0].path, delivery.fingerprint(raw)
            frames = parse_code_lists(raw.read(path).decode("latin-1"), path)
            for contract in LOOKUPS:
                dataset = Dataset(f"lookup/{contract.name}")
                with lake.write_lock(dataset):
                    rows = to_arrow(frames[contract.name], contract)
                    manifest = lake.write_csv(dataset, write_id(context), rows, fingerprint=version)
                yield dataset_result(layer_key("lookup", contract.name), contract, manifest, lake, seconds())

    return [lookup]
