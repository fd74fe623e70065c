"""Stage the city temperatures: typed rows, each with its country's ISO code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from i94_platform.contracts import world_temperature
from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.lake.store import Store
from i94_platform.pipeline.data_versions import combine_versions
from i94_platform.pipeline.gate import Gate
from i94_platform.progress import report_progress
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.preparation import prepare_text_file
from i94_platform.sources.temperatures import HEADERS
from i94_platform.sql.query import Query
from i94_platform.sql.rules import contract_rules, render_row_counts
from i94_platform.transforms.temperatures import queries


def stage_temperatures(
    raw: Store, lake: Lake, engine: Engine, gate: Gate, run_id: str, today: dt.date | None = None
) -> Manifest:
    """Stage the temperature file and commit it. Rows that can't be read or are later than `today` are rejected.

    The dataset keeps its content if the gate blocks the rows.

    The manifest's stats hold `delivered_rows`, which are the staged, the `rejected_rows` and the `repeated_rows`; the
    problems in `rejected`; the `date_order`; and the country names in `countries_without_iso3`.

    Raises:
        PermanentError: the file or a column is missing, it has no rows, or its order of day and month is unclear.
    """
    dataset = Dataset("staged/world_temperature")
    with (
        lake.write_lock(dataset),
        lake.scratch_folder(dataset) as scratch,
        engine.session(),
        report_progress(dataset.name) as progress,
    ):
        delivery = list_deliveries(raw).require_reference("land_temperatures", raw.root)
        path, headers = delivery.files[0].path, tuple(HEADERS.values())
        prepared = prepare_text_file(delivery, raw, lake.store, scratch, headers)
        progress.start("staging", prepared.rows, engine.read_share)
        engine.register_delivery(prepared.groups, prepared.rows)
        iso3 = _register_countries(engine)
        reading = (_detect_date_order(engine, path), today or dt.datetime.now(dt.UTC).date())
        rejected = _fetch_rejected(engine, reading)
        _require_rows(prepared.rows, rejected, path)
        entries = _write_accepted(engine, lake, dataset, run_id)
        accepted_rows = sum(entry.rows for entry in entries)
        stats = {
            **_count_rows(prepared.rows, accepted_rows, rejected),
            "date_order": reading[0],
            "countries_without_iso3": sorted(name for name, code in iso3.items() if code is None),
        }
        version = combine_versions(world_temperature, delivery.fingerprint(raw))
        verdict = gate.judge(dataset, accepted_rows, stats)
        stats |= verdict.stats
        return lake.commit(dataset, run_id, entries, fingerprint=version, stats=stats, is_blocked=verdict.is_blocked)


def _write_accepted(engine: Engine, lake: Lake, dataset: Dataset, run_id: str) -> tuple[Entry, ...]:
    """Write the accepted rows and check that they are valid; return their files."""
    engine.write(queries.render_accepted(), lake.run_folder(dataset, run_id))
    entries = lake.collect_entries(dataset, run_id, world_temperature)
    require_valid_rows(engine, [entry.url for entry in entries])
    return entries


def require_valid_rows(engine: Engine, urls: Sequence[str]) -> None:
    """Check that no required column has a null and no key repeats, before the files are committed."""
    engine.register_files("accepted", urls)
    row_rules = contract_rules(world_temperature, "accepted", ["not_null"])
    sql, rules = render_row_counts(row_rules, "accepted")
    (key_rule,) = contract_rules(world_temperature, "accepted", ["key_unique"])
    counts = [*engine.fetch_row(Query(sql, is_portable=True)).values()][1:]
    counts += engine.fetch_row(Query(key_rule.count, is_portable=True)).values()
    if problems := [
        f"{rule.column} breaks its rule ({rule.bound}) {count:,} times"
        for rule, count in zip([*rules, key_rule], counts, strict=True)
        if count
    ]:
        raise PermanentError(f"The rows for {world_temperature.name} break its contract: {'; '.join(problems)}.")


def _detect_date_order(engine: Engine, path: str) -> queries.DateOrder:
    """Detect the order of the dates with slashes: every date is the first day of a month."""
    counts = engine.fetch_row(queries.render_date_orders())
    if counts["month_first"] == counts["day_first"] > counts["either"]:
        raise PermanentError(
            f"{path}, column 'dt': as many dates are the first day of a month as M/D/YYYY as are as D/M/YYYY "
            f"({counts['month_first']:,} each); write them as YYYY-MM-DD."
        )
    return "day first" if counts["day_first"] > counts["month_first"] else "month first"


def _count_rows(delivered_rows: int, accepted_rows: int, rejected: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the stats of the rows: each was accepted, rejected, or repeats another one."""
    rejected_rows = _count_rejected(rejected)
    return {
        "delivered_rows": delivered_rows,
        "rejected_rows": rejected_rows,
        "rejected": rejected,
        "implausible": [],
        "repeated_rows": delivered_rows - rejected_rows - accepted_rows,
    }


def _count_rejected(rejected: list[dict[str, Any]]) -> int:
    return sum(issue["rows"] for issue in rejected)


def _require_rows(delivered_rows: int, rejected: list[dict[str, Any]], path: str) -> None:
    if not delivered_rows:
        raise PermanentError(f"{path} has a header and no rows; deliver the whole file.")
    if _count_rejected(rejected) == delivered_rows:
        raise PermanentError(f"{path} has no row that can be used: {rejected[0]['problem']} ({rejected[0]['sample']}).")


def _fetch_rejected(engine: Engine, reading: tuple[queries.DateOrder, dt.date]) -> list[dict[str, Any]]:
    """Fetch the problems of rejected rows in the form of `RowIssues.summarize`; the header is row 1 of the file.

    It registers `validated` and `contradicting_rows`, which the query of the accepted rows reads too.
    """
    engine.materialize("validated", queries.render_validated(*reading))
    engine.materialize("contradicting_rows", queries.render_contradicting_rows())
    return [
        {
            "problem": issue["problem"],
            "rows": issue["row_count"],
            "sample": f"row {issue['first_row'] + 1}: {issue['first_text']!r}",
        }
        for issue in engine.fetch(queries.render_rejected()).to_pylist()
    ]


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
