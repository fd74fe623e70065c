"""Monthly I-94 arrivals as a checked analytics warehouse: one Dagster asset graph from delivery to star schema.

The folder tree is the architecture, and imports point one way. `settings`, `partitions`, `errors` and `contracts`
know nothing of the rest. `sql` and `transforms` know the contracts. `lake`, `sources`, `engine`, `warehouse` and
`marts` read and write data; `pipeline` puts them in order. `staleness` plans what to run. `defs` is what Dagster
loads. `operations` and `cli` run it. `serving`, `sample` and `release_reader` stand beside.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i94_platform.release_reader import read as read


def __getattr__(name: str) -> Any:
    """Load `read` and `__version__` on first use, because no import of the package does I/O or takes long."""
    if name == "read":
        from i94_platform.release_reader import read

        return read
    if name == "__version__":
        from importlib.metadata import version

        return version("i94-platform")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
