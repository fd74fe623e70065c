"""How often a process of the platform looks for garbage: rarely.

Here: the one setting, for whatever runs jobs. Not here: processes that live for long and serve others (`serving`).
"""

import gc


def collect_rarely() -> None:
    """A run makes objects by the hundred thousand and few cycles; looking for those costs a third of its Python."""
    gc.set_threshold(300_000, 50)
