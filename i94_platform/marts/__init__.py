"""The marts: one `.sql` file for each monthly mart, and the correlations over all months."""
