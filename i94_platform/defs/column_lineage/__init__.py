"""Column lineage: `compute` derives it from the SQL, `lineage_file` stores it, `schema` shows it in the UI."""
