"""A contract in the terms of each tool that needs it: SQL types, DDL, Arrow, Dagster, the data dictionary."""
