"""What is mapped onto every asset alike when the graph is put together.

Here: group, owner, kinds, tags, column schema, code version and links to code, all told from an asset's layer and name.
Not here: what one asset alone says of itself (its description, and what it tells when it is made).
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.definitions.external_asset import create_external_asset_from_source_asset

import i94_platform
from i94_platform.contracts import ALL, LOOKUPS, MONTHLY_MARTS, correlations
from i94_platform.contracts.model import is_personal
from i94_platform.defs.column_lineage.schema import column_schema
from i94_platform.defs.metadata import CODE_VERSION
from i94_platform.settings import Settings

OWNER = "team:data-platform"
PACKAGE = Path(i94_platform.__file__).parent

_CONTRACTS = {contract.name: contract for contract in ALL}
_BY_ENGINE = {"immigration", "immigration_quarantine", "world_temperature"}
_RAW_KINDS = {"immigration": {"sas", "parquet"}, "i94_labels": {"sas"}}
_DOMAINS = {
    **dict.fromkeys(("i94_labels", *(c.name for c in LOOKUPS)), "codes"),
    **dict.fromkeys(("us_cities_demographics", "state"), "people"),
    **dict.fromkeys(("land_temperatures", "world_temperature"), "climate"),
    **dict.fromkeys(("airport_codes", "country"), "places"),
    "calendar": "time",
}
"""What a table is about; all others are about arrivals."""

CODE = {
    **{f"lookup/{c.name}": ("sources/labels.py",) for c in LOOKUPS},
    "staged/immigration": (
        "transforms/immigration/accepted.sql",
        "transforms/immigration/typed.sql",
        "transforms/immigration/duplicate_keys.sql",
        "transforms/immigration/duplicate_rows.sql",
        "transforms/immigration/queries.py",
    ),
    "staged/immigration_quarantine": (
        "transforms/immigration/rejected.sql",
        "transforms/immigration/typed.sql",
        "transforms/immigration/queries.py",
    ),
    "staged/world_temperature": (
        "transforms/temperatures/accepted.sql",
        "transforms/temperatures/typed.sql",
        "transforms/temperatures/unreadable.sql",
        "transforms/temperatures/queries.py",
    ),
    "staged/us_cities_demographics": ("sources/demographics.py",),
    "staged/airport_codes": ("sources/airports.py",),
    "warehouse/state": ("transforms/state.py",),
    "warehouse/country": ("transforms/country.py", "transforms/temperatures/climate.sql"),
    "warehouse/calendar": ("transforms/calendar.py",),
    **{f"mart/{c.name}": (f"marts/{c.name}.sql",) for c in MONTHLY_MARTS},
    f"mart/{correlations.name}": (
        "marts/correlations/questions.py",
        "marts/correlations/measures.py",
        "marts/correlations/origins.sql",
        "marts/correlations/pairs.sql",
        "marts/correlations/groups.sql",
    ),
}
"""The files that say how an asset's rows are made; loads make none."""


def with_common_attributes(assets: dg.AssetsDefinition | dg.SourceAsset, settings: Settings) -> dg.AssetsDefinition:
    """The same assets with all that is told alike."""
    if isinstance(assets, dg.SourceAsset):
        # Dagster does this itself, but only when nothing can be mapped onto it any more
        assets = create_external_asset_from_source_asset(assets)
    else:
        (assets,) = dg.with_source_code_references([assets])  # type: ignore[assignment]
    return assets.map_asset_specs(lambda spec: _with_code(_with_common(spec, settings), settings))


def _with_common(spec: dg.AssetSpec, settings: Settings) -> dg.AssetSpec:
    layer, name = spec.key.path
    contract = _CONTRACTS.get(name)
    tags = {
        "domain": _DOMAINS.get(name, "arrivals"),
        "cadence": "monthly" if spec.partitions_def else "reference",
        **({"personal": "yes"} if contract is not None and is_personal(contract) else {}),
    }
    common = spec.replace_attributes(
        group_name=layer, owners=[OWNER], kinds=_kinds(layer, name, settings), tags={**spec.tags, **tags}
    )
    if layer == "raw" or contract is None:
        return common
    metadata = {**spec.metadata, "dagster/column_schema": column_schema(spec.key, contract)}
    return common.replace_attributes(code_version=CODE_VERSION, metadata=metadata)


def _kinds(layer: str, name: str, settings: Settings) -> set[str]:
    engine = "duckdb" if settings.engine == "duckdb" else "pyspark"
    warehouse = "redshift" if settings.redshift_address else "duckdb"
    return {
        "raw": _RAW_KINDS.get(name, {"csv"}),
        "lookup": {"csv", "pandas"},
        "staged": {"parquet", engine if name in _BY_ENGINE else "pandas"},
        "warehouse": {"table", warehouse},
        "mart": {"table", "sql", warehouse},
        "published": {"parquet", warehouse},
    }[layer]


def _with_code(spec: dg.AssetSpec, settings: Settings) -> dg.AssetSpec:
    """Links to the files that make the asset: at `I94_CODE_URL` where it is set, else in this checkout."""
    told = spec.metadata.get("dagster/code_references")
    found = list(told.code_references) if told else [_file("defs/assets/raw.py")]
    found += [_file(path) for path in CODE.get(spec.key.to_user_string(), ())]
    references = [_published(reference, settings.code_url) if settings.code_url else reference for reference in found]
    value = dg.CodeReferencesMetadataValue(code_references=references)
    return spec.replace_attributes(metadata={**spec.metadata, "dagster/code_references": value})


def _file(path: str) -> dg.LocalFileCodeReference:
    return dg.LocalFileCodeReference(file_path=str(PACKAGE / path), label=path)


def _published(reference: dg.LocalFileCodeReference, code_url: str) -> dg.UrlCodeReference:
    path = Path(reference.file_path).relative_to(PACKAGE.parent).as_posix()
    line = f"#L{reference.line_number}" if reference.line_number else ""
    return dg.UrlCodeReference(url=f"{code_url}/{path}{line}", label=reference.label)
