"""The dashboard: its page, charts, and the summaries that they show. Not here: the other parts of serving."""
