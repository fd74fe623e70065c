"""Monthly I-94 arrivals as a checked analytics warehouse: one Dagster asset graph from delivery to star schema.

The folder tree is the architecture, and imports point one way. `settings`, `partitions`, `errors` and `contracts`
know nothing of the rest. `sql` and `transforms` know the contracts. `lake`, `sources`, `engine`, `warehouse` and
`marts` read and write data; `pipeline` puts them in order. `staleness` plans what to run. `defs` is what Dagster
loads. `operations` and `cli` run it. `serving` and `sample` stand beside.
"""


def __getattr__(name: str) -> str:
    """Read `__version__` from the installed distribution, on first use because no import does I/O."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("i94-platform")
