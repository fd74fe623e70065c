"""The web API: routes, parameters and models made from the contracts. Not here: the other parts of serving."""
