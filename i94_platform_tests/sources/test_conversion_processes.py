"""Parts of a file are converted by several processes, in order, a bounded number of them at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from i94_platform.errors import PermanentError
from i94_platform.sources.conversion_processes import LEAST_PARTS, convert_in_order

PARTS = 40


def square(number: int) -> tuple[int, int]:
    """Return the square and the process that computed it."""
    if number < 0:
        raise PermanentError(f"part {number} is damaged")
    return number * number, os.getpid()


def test_results_keep_the_order_and_few_parts_are_held() -> None:
    taken, most_held = 0, 0

    def take() -> Iterator[int]:
        nonlocal taken
        for number in range(PARTS):
            taken += 1
            yield number

    squares: list[int] = []
    processes: set[int] = set()
    for result, process in convert_in_order(square, take(), processes=2):
        most_held = max(most_held, taken - len(squares))
        squares.append(result)
        processes.add(process)
    assert squares == [number * number for number in range(PARTS)]
    assert os.getpid() not in processes
    assert most_held <= max(LEAST_PARTS, 2 + 1)


def test_few_parts_start_no_process() -> None:
    results = list(convert_in_order(square, range(LEAST_PARTS - 1), processes=2))
    assert {process for _, process in results} == {os.getpid()}


def test_an_error_of_another_process_is_raised_here() -> None:
    with pytest.raises(PermanentError, match="part -1 is damaged"):
        list(convert_in_order(square, [1, 2, 3, -1, 5, 6], processes=2))
