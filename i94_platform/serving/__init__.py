"""The dashboard and the web API over the published release; imports neither Spark nor Dagster.

`server` runs the process, `app` assembles `api`, `auth` and `dashboard`, `middleware` wraps every request.
`release_store` keeps the release open, `queries` are the statements over it, `service` is what all routes share.
"""
