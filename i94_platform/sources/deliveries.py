"""The names of `preparation` and `row_counts` under their former module, until its importers have moved."""

from i94_platform.sources.preparation import PreparedDelivery, prepare_arrivals, prepare_text_file
from i94_platform.sources.row_counts import count_rows

__all__ = ["PreparedDelivery", "count_rows", "prepare_arrivals", "prepare_text_file"]
