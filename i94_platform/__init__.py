"""Monthly I-94 arrivals as a checked analytics warehouse: one Dagster asset graph from delivery to star schema.

The folder tree is the architecture. Imports point one way: `settings`, `partitions`, `failures` and `contracts`
know nothing of the rest; `transforms` know the contracts; `lake`, `engine` and `warehouse` move data;
`assets` and `checks` are the graph; `automation`, `build` and `definitions` put it together.
"""


def __getattr__(name: str) -> str:
    """Read `__version__` from the installed distribution, on first use because no import does I/O."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("i94-platform")
