"""What becomes of the data: pure functions and SQL from delivered to staged, with no Dagster and no I/O.

Here: the label parser, the cleaning of the reference files, the dimensions and the rendering of the heavy SQL, all of
which know the contracts and nothing further down. Not here: where data are read or stored (`lake`, `warehouse`), what
runs the SQL (`engine`), and when (`assets`).
"""
