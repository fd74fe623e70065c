"""Delivered CSV files of any size, read in batches of bounded memory with every value as text.

A value never spans lines, so each line is a row: lines are counted by themselves, and a row that the parser lost or
made is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store, StoredFile
from i94_platform.progress import advance_progress
from i94_platform.sources.column_names import list_extra_columns
from i94_platform.sources.compression import check_delivered
from i94_platform.sources.csv_layout import CsvLayout, IsPlausible, detect_layout, is_quote_open, list_names, split_line
from i94_platform.sources.hive_partitions import parse_partition_values
from i94_platform.sources.spellings import null_empty, trim_texts
from i94_platform.sources.text_stream import TextScan, open_utf8, scan_text

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 1 << 22
"""How much of a file is parsed at a time: about 30,000 rows of a month."""

_SAMPLE_LINES = 1_000
_AGAIN = "ask for it to be delivered again"


@dataclass(frozen=True)
class CsvFile:
    """A CSV file whose layout is known. `rows` is counted without the parser."""

    store: Store
    path: str
    scan: TextScan
    layout: CsvLayout
    partition_values: Mapping[str, str | None]
    """The values that the path gives to columns that the file does not hold."""

    @property
    def rows(self) -> int:
        """The lines below the header that are not empty."""
        return self.scan.records - self.layout.header_lines

    @property
    def extra_columns(self) -> list[str]:
        """The names of columns that nobody asked for."""
        return list_extra_columns(self.layout.names, self.layout.places)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of the file, one sentence each."""
        is_latin_1 = self.scan.encoding == "latin-1"
        return (f"{self.path} is read as Latin-1, because it is not UTF-8.",) if is_latin_1 else ()

    def read_batches(self) -> Iterator[pa.RecordBatch]:
        """Read the wanted columns as text, empty where the file has nothing.

        Raises:
            PermanentError: a row has other than the header's number of cells, a quote is not closed on its line, or the
                file ends inside a line. The message names the line.
        """
        import pyarrow as pa

        rows = 0
        try:
            for batch in self._parse():
                self._check_blank_cells(batch)
                rows += batch.num_rows
                yield self._add_partition_values(batch.select(list(self.layout.places)))
        except pa.ArrowInvalid as error:
            raise self._describe_fault(rows) from error
        if rows != self.rows:
            raise self._describe_fault(rows)
        # what follows the last separator is incomplete; it matters only where it is read
        if rows and not self.scan.has_last_newline and self.layout.cells - 1 in self.layout.places.values():
            raise PermanentError(f"{self.path}, line {self.scan.lines} does not end: the file is cut; {_AGAIN}.")

    def _parse(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.csv as pc

        if not self.rows:
            return
        names = [f"blank {place}" for place in range(self.layout.cells)]
        for column, place in self.layout.places.items():
            names[place] = column
        wanted = [*self.layout.places, *(names[place] for place in self.layout.blank_places)]
        with open_utf8(self.store, self.path, self.scan) as content:
            for _ in range(self.layout.header_lines):
                content.readline()
            yield from pc.open_csv(
                content,
                pc.ReadOptions(column_names=names, block_size=BLOCK_BYTES),
                pc.ParseOptions(delimiter=self.layout.delimiter),
                pc.ConvertOptions(
                    include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
                ),
            )

    def _add_partition_values(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow as pa

        for column, value in self.partition_values.items():
            batch = batch.append_column(column, pa.array([value or ""] * batch.num_rows, pa.string()))
        return batch

    def _check_blank_cells(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa

        for place in self.layout.blank_places:
            cells = trim_texts(batch[f"blank {place}"])
            if cells.null_count < len(cells):
                raise pa.ArrowInvalid

    def _describe_fault(self, rows: int) -> PermanentError:
        """Find the first line that is no row, in a slow pass of its own."""
        expected = self.layout.cells
        for number, line in self._iterate_lines():
            if is_quote_open(line, self.layout.delimiter):
                return PermanentError(
                    f"{self.path} can't be read as CSV: in line {number} a quote opens and does not close; {_AGAIN}."
                )
            cells = split_line(line, self.layout.delimiter)
            if len(cells) != expected:
                return PermanentError(
                    f"{self.path} can't be read as CSV: line {number} has {len(cells)} cells, expected {expected}; "
                    f"{_AGAIN}."
                )
            if any(cells[place].strip() for place in self.layout.blank_places):
                return PermanentError(
                    f"{self.path} can't be read as CSV: line {number} has a value beyond the "
                    f"{len(self.layout.names)} columns of the header; name every column."
                )
        return PermanentError(
            f"{self.path} can't be read as CSV: {rows:,} rows were read, but it has {self.rows:,} lines; {_AGAIN}."
        )

    def _iterate_lines(self) -> Iterator[tuple[int, str]]:
        """Yield the number and the text of each row's line."""
        with open_utf8(self.store, self.path, self.scan) as content:
            for number, line in enumerate(content, 1):
                text = line.decode("utf-8").rstrip("\r\n")
                if text and number > self.layout.header_lines:
                    yield number, text


def _never_plausible(_: dict[str, str]) -> bool:
    return False


def open_csv(
    store: Store, file: StoredFile, columns: Sequence[str], is_plausible: IsPlausible = _never_plausible
) -> CsvFile:
    """Look a file through, and find out its encoding, its separator and where `columns` are.

    `is_plausible` decides where the rows have more cells than the header has names.

    Raises:
        PermanentError: the file is no CSV, has no header, lacks a column, or has two of one name.
    """
    check_delivered(store, file, "csv")
    scan = scan_text(store, file.path)
    with open_utf8(store, file.path, scan) as content:
        lines = [line.decode("utf-8", "replace").rstrip("\r\n") for line in islice(content, _SAMPLE_LINES)]
    values = parse_partition_values(file.path, columns, list_names(lines, columns))
    held = [column for column in columns if column not in values]
    layout = detect_layout(
        file.path, lines, held, lambda row: is_plausible({**row, **{c: v or "" for c, v in values.items()}})
    )
    return CsvFile(store, file.path, scan, layout, values)


def count_csv_rows(store: Store, file: StoredFile) -> int:
    """Count the rows below the header, by reading the file through.

    Raises:
        PermanentError: the file is no CSV.
    """
    check_delivered(store, file, "csv")
    return max(0, scan_text(store, file.path).records - 1)


def convert_csv(
    store: Store, file: StoredFile, columns: tuple[str, ...], target: BinaryIO
) -> tuple[int, tuple[str, ...]]:
    """Write these columns of a file as Parquet, all text, with empty cells null.

    Returns:
        The number of rows, and the names of the columns that were left out.

    Raises:
        PermanentError: the file can't be read, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = open_csv(store, file, columns)
    schema = pa.schema([pa.field(name, pa.string()) for name in columns])
    with pq.ParquetWriter(target, schema) as writer:
        for batch in content.read_batches():
            arrays = [null_empty(batch[name]) for name in columns]
            writer.write_table(pa.table(arrays, schema=schema))
            advance_progress(batch.num_rows)
    return content.rows, tuple(content.extra_columns)
