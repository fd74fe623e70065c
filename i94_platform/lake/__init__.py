"""Files: the deliveries that land, and the datasets we stage, committed by manifest.

`store` is the small interface to a folder or bucket, `local` the folder; `raw` reads what has landed; `manifest` and
`datasets` are the lake's commit protocol. Not here: reading rows with SQL (`engine`), and the warehouse.
"""
