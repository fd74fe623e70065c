"""What serves the published release: a web API, and the dashboard above it.

`release` opens a release as a read-only database, `queries` turns parameters into bound SQL, `formats` rows into bytes,
`replies` these into answers; `keys` and `sessions` say who asks, `limits` how much, `problems` what is wrong;
`dashboard` is the page for people, with its figures (`breakdowns`), its `charts`, and what draws them (`library`,
`static/`); `app` puts them together, `server` runs it. Not here: how a release is made (`assets.published`). Neither
Spark nor Dagster is imported.
"""
