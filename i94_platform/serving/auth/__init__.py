"""Authentication and authorization: API keys, browser sessions, and the rate of requests."""
