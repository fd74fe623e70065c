"""What runs the staging SQL: DuckDB in this process, or Spark.

`base` is the interface, `duckdb` and `spark` are the two engines, `deliveries` turns what was delivered into Parquet
that either can read. Not here: the SQL itself (`transforms`), and where its results are committed (`lake`).
"""
