"""When the graph runs: its jobs. Not here: what an asset does."""
