"""The arrivals: from delivered rows to the fact, the quarantine and the unreadable values."""
