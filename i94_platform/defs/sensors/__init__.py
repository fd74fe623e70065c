"""The sensors, which react to deliveries, to stale marts and to failed runs."""
