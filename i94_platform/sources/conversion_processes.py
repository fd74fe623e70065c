"""Conversions of the parts of one file by several processes: what comes out is in the order of the file."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from typing import TypeVar

PartT = TypeVar("PartT")
ResultT = TypeVar("ResultT")

LEAST_PARTS = 4
"""Fewer parts are converted in this process: another one takes a second to start."""


def convert_in_order(
    convert: Callable[[PartT], ResultT], parts: Iterable[PartT], processes: int | None = None
) -> Iterator[ResultT]:
    """Convert each part, and yield the results in the order of the parts.

    At most one part more than there are processes is held, so that memory grows with the processes and not with the
    file. An error of a conversion is raised here.

    Args:
        convert: a function of a module; it, its argument and its result go from process to process.
        parts: the parts of a file.
        processes: how many convert; None for one a core that this process may use.
    """
    processes = processes or _count_cores()
    iterator = iter(parts)
    first = list(islice(iterator, LEAST_PARTS))
    if processes == 1 or len(first) < LEAST_PARTS:
        yield from map(convert, chain(first, iterator))
        return
    # spawned: a fork would copy locks that other threads of this process hold
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_leave_interrupts_to_parent) as pool:
        pending = deque[Future[ResultT]]()
        try:
            for part in chain(first, iterator):
                pending.append(pool.submit(convert, part))
                if len(pending) > processes:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
