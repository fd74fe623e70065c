"""The lookup layer: the code lists as CSV in the lake, parsed from the label file."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from i94_platform.contracts import LOOKUPS
from i94_platform.defs.attributes import code_references
from i94_platform.defs.execution import raise_dagster_failures, record_result, run_folder, tag_acceptance
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import dataset_result
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.pipeline.code_lists import stage_code_lists
from i94_platform.pipeline.gate import Gate


@dg.multi_asset(
    name="lookup",
    can_subset=True,
    specs=[
        dg.AssetSpec(
            to_key(f"lookup/{contract.name}"),
            deps=[to_key("raw/i94_labels")],
            description=f"{contract.comment} As CSV, parsed from the label file.",
            kinds={"csv", "pandas"},
            metadata=code_references("pipeline/code_lists.py", "sources/labels.py"),
        )
        for contract in LOOKUPS
    ],
)
def code_lists(
    context: dg.AssetExecutionContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    gate: dg.ResourceParam[Gate],
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization]:
    """Stage all code lists in one step, because they come from one file."""
    with raise_dagster_failures() as seconds:
        for contract, manifest in stage_code_lists(raw, lake, gate, run_folder(context)):
            tag_acceptance(context, manifest)
            result = dataset_result(to_key(f"lookup/{contract.name}"), contract, manifest, lake, seconds())
            yield record_result(context, result)
