"""The warehouse: the star schema that analysts query.

`base` is the interface and the protocol of a load, `duckdb` the embedded warehouse. Not here: what is loaded when
(`assets`), and the tables' declarations (`contracts`).
"""
