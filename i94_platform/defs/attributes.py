"""Add the attributes that all assets have: group, owner, kinds, tags, column schema, code version, links to code.

An asset names its own kinds and code files. The rest follows from its key and its contract.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

import i94_platform
from i94_platform.contracts import ALL, MARTS
from i94_platform.contracts.model import is_personal
from i94_platform.defs.column_lineage.schema import column_schema
from i94_platform.settings import Settings

OWNER = "team:data-platform"
PACKAGE = Path(i94_platform.__file__).parent

_CONTRACTS = {contract.name: contract for contract in ALL}
_CODE_REFERENCES = "dagster/code_references"


def code_references(*paths: str) -> dict[str, Any]:
    """Return metadata that links an asset to the files that compute its rows; `paths` are relative to the package."""
    return {_CODE_REFERENCES: dg.CodeReferencesMetadataValue(code_references=[_to_file(path) for path in paths])}


def _to_file(path: str) -> dg.LocalFileCodeReference:
    return dg.LocalFileCodeReference(file_path=str(PACKAGE / path), label=path)


def with_common_attributes(assets: dg.AssetsDefinition, settings: Settings) -> dg.AssetsDefinition:
    """Return the assets with the common attributes; kinds and links depend on the settings."""
    (assets,) = dg.with_source_code_references([assets])  # type: ignore[assignment]
    return assets.map_asset_specs(lambda spec: _link_code(_add_attributes(spec, settings), settings))


def _add_attributes(spec: dg.AssetSpec, settings: Settings) -> dg.AssetSpec:
    layer, name = spec.key.path
    contract = _CONTRACTS.get(name)
    tags = {
        **spec.tags,
        "cadence": "monthly" if spec.partitions_def or contract in MARTS else "reference",
        **({"domain": contract.info["domain"]} if contract is not None else {}),
        **({"personal": "yes"} if contract is not None and is_personal(contract) else {}),
    }
    spec = spec.replace_attributes(
        group_name=layer, owners=[OWNER], kinds={*spec.kinds, *_deployment_kinds(spec, layer, settings)}, tags=tags
    )
    if layer == "raw" or contract is None:
        return spec
    metadata = {**spec.metadata, "dagster/column_schema": column_schema(spec.key, contract)}
    return spec.replace_attributes(code_version=_compute_code_version(spec), metadata=metadata)


def _deployment_kinds(spec: dg.AssetSpec, layer: str, settings: Settings) -> set[str]:
    """Return the engine or the warehouse that computes the asset in this deployment."""
    if layer == "staged" and "pandas" not in spec.kinds:
        runs_in_spark = spec.partitions_def is not None and settings.engine != "duckdb"
        return {"pyspark" if runs_in_spark else "duckdb"}
    if layer in ("warehouse", "mart", "published"):
        return {"redshift" if settings.redshift_address else "duckdb"}
    return set()


def _compute_code_version(spec: dg.AssetSpec) -> str:
    """Hash the files that compute the asset's rows. The UI then marks the asset when its code has changed."""
    digest = hashlib.blake2b(digest_size=8)
    for reference in _local_references(spec):
        digest.update(_read_file(reference.file_path))
    return digest.hexdigest()


@cache
def _read_file(path: str) -> bytes:
    return Path(path).read_bytes()


def _local_references(spec: dg.AssetSpec) -> list[dg.LocalFileCodeReference]:
    value = spec.metadata.get(_CODE_REFERENCES)
    return list(value.code_references) if value else []


def _link_code(spec: dg.AssetSpec, settings: Settings) -> dg.AssetSpec:
    """Link the asset to its definition and its code: at `I94_CODE_URL` if that is set, else in this installation."""
    # the definition comes first; it is the reference with a line number
    files = sorted(_local_references(spec), key=lambda file: file.line_number is None)
    references = [_to_url(file, settings.code_url) if settings.code_url else file for file in files]
    value = dg.CodeReferencesMetadataValue(code_references=references)
    return spec.replace_attributes(metadata={**spec.metadata, _CODE_REFERENCES: value})


def _to_url(reference: dg.LocalFileCodeReference, code_url: str) -> dg.UrlCodeReference:
    path = Path(reference.file_path).relative_to(PACKAGE.parent).as_posix()
    line = f"#L{reference.line_number}" if reference.line_number else ""
    return dg.UrlCodeReference(url=f"{code_url}/{path}{line}", label=reference.label)
