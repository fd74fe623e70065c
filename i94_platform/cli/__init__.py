"""The command line `i94`."""
