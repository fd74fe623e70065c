"""The steps of the pipeline, without Dagster: stage a delivery, load a table, refresh a mart, publish a release.

An asset in `defs/` calls one function of this package and returns the metadata.
"""
