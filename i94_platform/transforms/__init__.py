"""What becomes of the data between delivery and warehouse: pure functions and SQL, without Dagster.

They read no file but the reviewed ones of `lookup/`.
"""
