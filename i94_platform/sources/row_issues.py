"""The rows of a reference file that have a problem, such as those that its table can't hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SAMPLE_ROWS = 5
"""How many rows of a problem are named."""


class RowIssues:
    """The rows of one file that have a problem, each with its first one. Rows are numbered as in the file."""

    def __init__(self) -> None:
        self._problems: dict[int, tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self._problems)

    def drop_rows(self, frame: DataFrame) -> DataFrame:
        """Return the frame without these rows."""
        return frame[~frame.index.isin(list(self._problems))] if self._problems else frame

    def add(self, is_issue: Series[bool], values: Series[Any], problem: str) -> None:
        """Add the rows where `is_issue` is true; `values` are quoted."""
        if not is_issue.any():
            return
        issues = values[is_issue.fillna(False).astype(bool)]
        for row, value, is_missing in zip(issues.index, issues, issues.isna(), strict=True):
            self._problems.setdefault(int(row), (problem, "the value" if is_missing else repr(str(value))))

    def summarize(self) -> list[dict[str, Any]]:
        """Count the rows of each problem, the most frequent first: `problem`, `rows`, the first ones as `sample`."""
        by_problem: dict[str, list[str]] = {}
        for row, (problem, value) in sorted(self._problems.items()):
            by_problem.setdefault(problem, []).append(f"row {row}: {value}")
        return [
            {"problem": problem, "rows": len(rows), "sample": "; ".join(rows[:SAMPLE_ROWS])}
            for problem, rows in sorted(by_problem.items(), key=lambda item: -len(item[1]))
        ]

    def describe(self) -> str:
        """Describe each problem in one phrase."""
        return "; ".join(
            f"{issue['problem']} ({issue['rows']:,} rows, {issue['sample']})" for issue in self.summarize()
        )
