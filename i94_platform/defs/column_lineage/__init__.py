"""Column lineage: computed from the SQL, kept in a file, shown in the UI."""
