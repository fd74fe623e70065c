"""What runs the staging SQL: DuckDB in this process, or Spark.

`base` is the interface, `duckdb` and `spark` implement it. `connect` starts a Spark Connect server on this machine, and
`emr` reaches Spark on EMR Serverless. The SQL itself is in `transforms`.
"""
