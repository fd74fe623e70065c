"""The marts: one .sql file each, rendered with what the contracts say, and the correlations over them."""
