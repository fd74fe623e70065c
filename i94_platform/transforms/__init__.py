"""What becomes of the data between delivery and warehouse: pure functions and SQL, without Dagster and without I/O."""
