"""The arrivals: from delivered rows to the fact and the quarantine."""
