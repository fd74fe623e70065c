"""Write the values of a month's accepted rows that can't be read, and count them by column.

Footers say in which columns such values may be, so that a clean month is not read a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from i94_platform.contracts import immigration, immigration_unreadable
from i94_platform.contracts.codes import ENCODERS
from i94_platform.contracts.immigration import NUMBER_COLUMNS
from i94_platform.contracts.model import text_limit
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.footers import read_column_stats
from i94_platform.lake.manifest import Entry
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sources.csv_conversion import UNREADABLE_COLUMN
from i94_platform.sources.preparation import PreparedDelivery
from i94_platform.transforms.immigration import queries
from i94_platform.transforms.immigration.values import OPTIONAL_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

_FILLED_COLUMNS = tuple(name for name in OPTIONAL_COLUMNS if name in ENCODERS and ENCODERS[name].fills_missing)
"""The text columns that are never null in the fact, so that counts of nulls say nothing of them."""


@dataclass(frozen=True)
class UnreadableValues:
    """The files of the unreadable values, and the figures of each column that has any."""

    entries: tuple[Entry, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    """The unreadable values."""
    delivered_values: Mapping[str, int] = field(default_factory=dict)
    """The values that accepted rows have in the column, readable or not."""

    @property
    def stats(self) -> dict[str, Any]:
        """The figures of a manifest."""
        return {"unreadable": dict(self.counts), "delivered_values": dict(self.delivered_values)}


def find_suspect_columns(
    prepared: PreparedDelivery,
    raw: Store,
    lake: Lake,
    engine: Engine,
    accepted: Sequence[Entry],
    rejected: Sequence[Entry],
) -> list[str]:
    """Find the columns of which the accepted rows may have fewer values than were delivered for them.

    A column of which a footer says nothing is one of them. Without accepted rows there is none.
    """
    if not accepted:
        return []
    delivered = _count_delivered_values(prepared, raw, lake)
    staged, quarantined = (_count_values(lake, entries) for entries in (accepted, rejected))
    has_texts = delivered.get(UNREADABLE_COLUMN, 0) > 0
    lengths = engine.fetch_row(queries.render_text_lengths(_FILLED_COLUMNS))

    def is_suspect(name: str) -> bool:
        if name in _FILLED_COLUMNS:
            return (lengths[name] or 0) > (text_limit(immigration.columns[name]) or 0)
        if name not in delivered or (has_texts and name in NUMBER_COLUMNS):
            return True
        return delivered[name] > staged.get(name, 0) + quarantined.get(name, 0)

    return [name for name in OPTIONAL_COLUMNS if is_suspect(name)]


def _count_delivered_values(prepared: PreparedDelivery, raw: Store, lake: Lake) -> dict[str, int]:
    """Count the values of each delivered column, by its name in lower case; without those that a footer leaves out."""
    nulls: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    for group in prepared.groups:
        with ExitStack() as files:
            stores = ((lake.store if url.startswith(f"{lake.store.root}/") else raw, url) for url in group.files)
            stats = read_column_stats(files.enter_context(store.open(url)) for store, url in stores)
        for name, column in stats.items():
            nulls[name.strip().lower()] += column.nulls
            groups[name.strip().lower()] += 1
    return {name: prepared.rows - nulls[name] for name in groups if groups[name] == len(prepared.groups)}


def _count_values(lake: Lake, entries: Sequence[Entry]) -> dict[str, int]:
    with ExitStack() as files:
        stats = read_column_stats(files.enter_context(lake.store.open(entry.url)) for entry in entries)
    rows = sum(entry.rows for entry in entries)
    return {name: rows - column.nulls for name, column in stats.items()}


def write_unreadable(
    month: Month, lake: Lake, engine: Engine, dataset: Dataset, run_id: str, scratch: str, columns: Sequence[str]
) -> UnreadableValues:
    """Write the unreadable values of these columns into the dataset's run folder; `scratch` is a folder of the lake."""
    import pyarrow.parquet as pq

    counts: Counter[str] = Counter()
    folder, path = f"{scratch}/unreadable", f"{dataset.run_folder(run_id)}/part-0.parquet"
    if columns:
        engine.write(queries.render_unreadable(month, columns), lake.store.uri(folder))
    schema = arrow_schema(immigration_unreadable)
    with lake.store.create(path) as target, pq.ParquetWriter(target, schema) as writer:
        for rows in _read_batches(lake, folder):
            counts.update(str(name) for name in rows["column_name"].to_pylist())
            writer.write_table(_to_contract(rows, month))
    entries = lake.collect_entries(dataset, run_id, immigration_unreadable)
    if not counts:
        return UnreadableValues(entries)
    values = engine.fetch_row(queries.render_delivered_values(month, sorted(counts)))
    return UnreadableValues(entries, dict(sorted(counts.items())), values)


def _read_batches(lake: Lake, folder: str) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # not from subfolders, where Spark's task attempts work
    paths = [file.path for file in lake.store.list(folder) if file.path.rpartition("/")[0] == folder]
    for path in paths:
        if path.endswith(".parquet"):
            with lake.store.open(path) as content:
                for batch in pq.ParquetFile(content).iter_batches():
                    yield pa.Table.from_batches([batch])


def _to_contract(rows: pa.Table, month: Month) -> pa.Table:
    """Give the values as text, with numbers in the one way that no engine decides."""
    import pyarrow as pa
    import pyarrow.compute as pc

    schema = arrow_schema(immigration_unreadable)
    value = pc.coalesce(_extract_texts(rows), pc.cast(rows["number"], pa.string()))
    first_day = pa.array([month.first_day] * rows.num_rows, schema.field("month").type)
    names = ("source_file", "source_row", "column_name")
    return pa.table([first_day, *(rows[name] for name in names), value], names=schema.names).cast(schema)


def _extract_texts(rows: pa.Table) -> Any:
    """Extract the texts of number columns from `name='text'; …`, where quotes, `=` and backslashes are escaped."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts, columns = cast("Any", rows["text"]), cast("Any", rows["column_name"])
    all_texts = pc.binary_join_element_wise("; ", texts, "")
    for name in NUMBER_COLUMNS.intersection(pc.unique(columns).to_pylist()):
        fields = pc.extract_regex(all_texts, rf"; {name}='(?P<text>(?:[^'\\]|\\.)*)'")
        text = pc.replace_substring_regex(pc.struct_field(fields, "text"), r"\\(.)", r"\1")
        texts = pc.if_else(pc.equal(columns, pa.scalar(name)), text, texts)
    return texts
