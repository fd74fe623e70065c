"""Who may ask: API keys, sessions, and the rate of requests. Not here: the other parts of serving."""
