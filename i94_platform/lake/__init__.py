"""The lake: files in a folder or bucket, and datasets that become visible by their manifests.

`store` is the interface to a tree of files, `local` and `s3` implement it. `datasets` and `manifest` are the commit
protocol, `releases` is what the API and the dashboard read.
"""
