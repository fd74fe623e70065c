"""How often a process of the platform looks for garbage: rarely, and never among what it is made of.

Here: the two settings, for whatever runs jobs. Not here: processes that live for long and serve others (`serving`).
"""

import gc


def collect_rarely() -> None:
    """A run makes objects by the hundred thousand and few cycles; looking for those costs a third of its Python."""
    gc.set_threshold(300_000, 50)


def freeze_loaded_objects() -> None:
    """What is there now lives as long as the process: no look for garbage goes through it any more.

    Python's last one, as the process ends, took half a second of every run that the UI launched.
    """
    gc.freeze()
