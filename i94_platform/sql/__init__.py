"""The SQL toolkit: queries, templates, dialects, contract rules and column lineage."""
