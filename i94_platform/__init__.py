"""Monthly I-94 arrivals as a checked analytics warehouse: one Dagster asset graph from delivery to star schema.

The folder tree is the architecture. Imports point one way: `settings`, `partitions`, `failures` and `contracts`
know nothing of the rest; `transforms` know the contracts; `lake`, `engine` and `warehouse` move data;
`assets` and `checks` are the graph; `automation`, `build` and `definitions` put it together.
"""

__version__ = "0.1.0"
