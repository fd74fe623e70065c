"""What the command line adds to Dagster: runs in this process, backfills, status, doctor, the UI."""
