"""The asset graph: each asset a few lines that read, call a transform, and commit or load.

One module a layer: `raw`, `lookup`, `staged`, `warehouse`. `resources` builds what they need from addresses; `common`
is what every asset does alike. Not here: checks, jobs, and any transform.
"""
