"""The delivered sources: which files belong to which source, and how each is read."""
