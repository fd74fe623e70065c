"""Writes docs/benchmarks.md and its charts from the stored results. The sentences are in `benchmarks.md.in`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from bench.charts import draw_rows, draw_subjects
from bench.results import read_results
from i94_platform.settings import PROJECT

TEMPLATE = Path(__file__).with_name("benchmarks.md.in")
PAGE = PROJECT / "docs" / "benchmarks.md"
CHARTS = PROJECT / "docs" / "images" / "benchmarks"

Results = Mapping[str, Any]
Rendered = tuple[Sequence[str], Iterable[Sequence[Any]]]


def write_page() -> None:
    """Write the page, and its charts of what was measured."""
    results = read_results()
    if month := results.get("month"):
        draw_subjects(month["values"]["subjects"], CHARTS / "subjects.svg")
    if rows := results.get("rows"):
        draw_rows(rows["values"]["sizes"], CHARTS / "rows.svg")
    PAGE.write_text(render_page(results), encoding="utf-8")


def render_page(results: Mapping[str, Results]) -> str:
    """Render the page from the template and the stored results."""
    texts = {"bounds": "\n".join(_render_table(*_list_bounds(results)))}
    for part, list_rows in _TABLES.items():
        texts |= {part: "Not measured yet.", f"{part}_measured": "not measured"}
        if measured := results.get(part):
            texts[part] = "\n".join(_render_table(*list_rows(measured["values"])))
            load = measured["load_average"]
            texts[f"{part}_measured"] = f"{measured['measured']}, {measured['machine']}, load {load:.0f}"
            texts["software"] = measured["software"]
    return Template(TEMPLATE.read_text("utf-8")).substitute(texts)


def _render_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"| --- |{' ---: |' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(map(_format, row))} |"


def _format(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def _list_subjects(values: Results) -> Rendered:
    header = ("subject", "CPU s", "CPU ratio", "first, CPU s", "seconds", "ratio", "peak MB", "warm readings")
    keys = ("cpu_seconds", "cpu_ratio", "first_cpu_seconds", "seconds", "ratio", "peak_mb", "readings")
    return header, ([name, *(subject[key] for key in keys)] for name, subject in values["subjects"].items())


def _list_rows(values: Results) -> Rendered:
    header = ("rows", "limit, CPU s", "command to the fact, CPU s", "times the limit", "µs a row", "peak MB")
    return header, (
        (
            f"{size['rows']:,}",
            limit := size["limit"]["cpu_seconds"],
            cpu_seconds := size["command"]["cpu_seconds"],
            cpu_seconds / limit,
            1e6 * cpu_seconds / size["rows"],
            size["command"]["peak_mb"],
        )
        for size in values["sizes"]
    )


def _list_months(values: Results) -> Rendered:
    header = ("months", "all but the last, CPU s a month", "the last one alone, CPU s", "peak MB", "home, MB")
    return header, (
        (
            str(load["months"]),
            load["before"]["cpu_seconds"] / (load["months"] - 1),
            load["one_more"]["cpu_seconds"],
            load["before"]["peak_mb"],
            load["home_mb"],
        )
        for load in values["histories"]
    )


def _list_api(values: Results) -> Rendered:
    header = ("clients", "requests a second", "p50 ms", "p99 ms", "CPU ms a request", "memory MB", "releases", "wrong")
    keys = ("per_second", "p50_ms", "p99_ms", "cpu_ms", "memory_mb", "releases", "errors")
    return header, ([name, *(load[key] for key in keys)] for name, load in values.items())


def _list_dashboard(values: Results) -> Rendered:
    navigations = (("first to a server", values["first"]), ("later, empty cache", values["later"]))
    return ("navigation", "first chart, s", "last chart, s", "charts"), (
        (name, navigation["first_chart"], navigation["last_chart"], int(navigation["charts"]))
        for name, navigation in navigations
    )


def _list_start(values: Results) -> Rendered:
    return ("start", "seconds", "CPU s"), (
        (f"{kind} on a home", start["seconds"], start["cpu_seconds"]) for kind, start in values.items()
    )


def _list_ticks(values: Results) -> Rendered:
    return ("store and tick", "seconds", "CPU s", "MB more"), (
        (f"{store}: {tick['name']}", tick["seconds"], tick["cpu_seconds"], tick["added_mb"])
        for store, ticks in values["stores"].items()
        for tick in ticks
    )


def _list_suites(values: Results) -> Rendered:
    header = ("what the tests try", "tests", "of them cases of a table")
    suites = [*values["suites"], {"suite": "all tests", **values["all"]}]
    return header, ((suite["suite"], suite["tests"], suite["cases"]) for suite in suites)


def _list_bounds(results: Mapping[str, Results]) -> Rendered:
    bounds = [bound for part in _TABLES if part in results for bound in results[part]["bounds"]]
    return ("bound", "measured", "at most", "met"), (
        (
            bound["what"],
            f"{_format(bound['value'])} {bound['unit']}".strip(),
            f"{_format(bound['max_value'])} {bound['unit']}".strip(),
            "yes" if bound["value"] <= bound["max_value"] else "no",
        )
        for bound in bounds
    )


_TABLES = {
    "month": _list_subjects,
    "rows": _list_rows,
    "months": _list_months,
    "api": _list_api,
    "dashboard": _list_dashboard,
    "start": _list_start,
    "ticks": _list_ticks,
    "suites": _list_suites,
}
