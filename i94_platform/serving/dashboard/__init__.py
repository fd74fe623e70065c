"""The dashboard: its page, its charts, and the summaries that they show."""
