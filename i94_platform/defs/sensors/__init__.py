"""The sensors: what lands, what is stale, what failed."""
