"""The warehouse: the star schema and the marts that analysts query.

`base` is the interface, `loading` the protocol of a load, `duckdb` the embedded warehouse, `redshift` Amazon Redshift.
"""
