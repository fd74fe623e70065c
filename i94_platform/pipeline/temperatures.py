"""Stage the city temperatures: typed rows, each with its country's ISO code."""

from __future__ import annotations

from i94_platform.contracts import world_temperature
from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.store import Store
from i94_platform.pipeline.data_versions import combine_versions
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.preparation import prepare_text_file
from i94_platform.sources.temperatures import HEADERS
from i94_platform.transforms.temperatures import queries


def stage_temperatures(raw: Store, lake: Lake, engine: Engine, run_id: str) -> Manifest:
    """Stage the temperature file and commit it.

    The manifest's stats hold `delivered_rows`, `repeated_rows`, and the country names in `countries_without_iso3`.

    Raises:
        PermanentError: the file or a column is missing, or a date, place or number can't be read.
    """
    dataset = Dataset("staged/world_temperature")
    with lake.write_lock(dataset), lake.scratch_folder(dataset) as scratch, engine.session():
        delivery = list_deliveries(raw).require_reference("land_temperatures", raw.root)
        headers = tuple(HEADERS.values())
        prepared = prepare_text_file(delivery, raw, lake.store, scratch, headers)
        engine.register_delivery(prepared.groups)
        _require_readable(engine, delivery.files[0].path)
        iso3 = _register_countries(engine)
        engine.write(queries.render_accepted(), lake.run_folder(dataset, run_id))
        entries = lake.collect_entries(dataset, run_id, world_temperature)
        stats = {
            "delivered_rows": prepared.rows,
            "repeated_rows": prepared.rows - sum(entry.rows for entry in entries),
            "countries_without_iso3": sorted(name for name, code in iso3.items() if code is None),
        }
        version = combine_versions(delivery.fingerprint(raw))
        return lake.commit(dataset, run_id, entries, fingerprint=version, stats=stats)


def _require_readable(engine: Engine, path: str) -> None:
    problems = engine.fetch(queries.render_unreadable()).to_pylist()
    if problems:
        rows = "; ".join(f"row {row['source_row'] + 1}: {row['problem']}" for row in problems)
        raise PermanentError(f"{path} has values that can't be read: {rows}. Correct the file.")


def _register_countries(engine: Engine) -> dict[str, str | None]:
    """Register the table `country_iso3`; return the ISO code of each country name, None for an unknown country."""
    import pyarrow as pa

    from i94_platform.transforms.country import match_names

    names = [row["country"] for row in engine.fetch(queries.render_country_names()).to_pylist()]
    iso3 = match_names(names)
    engine.register_table(
        "country_iso3", pa.table({"country": list(iso3), "iso3": pa.array(iso3.values(), pa.string())})
    )
    return iso3
