"""The web API: a route, a model and query parameters for each published table, made from its contract."""
