"""The five code lists, parsed from the label file into the lake as CSV.

Here: one asset that makes all five, since they come from one file. Not here: the parser (`transforms.labels`), and the
comparison with the reviewed copies (`checks`).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from i94_platform.assets.common import key, result, told, write_id
from i94_platform.assets.tabular import as_arrow
from i94_platform.contracts import LOOKUPS
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.raw import landed
from i94_platform.lake.store import Store
from i94_platform.transforms.labels import lookup_frames


def lookup_assets() -> list[dg.AssetsDefinition]:
    """The lookup layer."""

    @dg.multi_asset(
        name="lookup",
        specs=[
            dg.AssetSpec(
                key("lookup", c.name),
                deps=[key("raw", "i94_labels")],
                description=f"{c.comment} As CSV, parsed from the label file.",
            )
            for c in LOOKUPS
        ],
    )
    def lookup(
        context: dg.AssetExecutionContext, raw: dg.ResourceParam[Store], lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with told() as seconds:
            delivery = landed(raw.list()).reference("i94_labels", raw.root)
            path, version = delivery.files[0].path, delivery.fingerprint(raw)
            frames = lookup_frames(raw.read(path).decode("latin-1"), path)
            for contract in LOOKUPS:
                dataset = Dataset(f"lookup/{contract.name}")
                with lake.writing(dataset):
                    rows = as_arrow(frames[contract.name], contract)
                    manifest = lake.write_csv(dataset, write_id(context), rows, fingerprint=version)
                yield result(key("lookup", contract.name), contract, manifest, lake, seconds())

    return [lookup]
