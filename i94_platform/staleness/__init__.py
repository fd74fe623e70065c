"""Staleness: which assets are older than their inputs, and which runs have to follow.

`asset_states` answers for each asset and month, from what `held_versions` finds. `plan` and `completeness` are views on
it. `run_inputs` holds what runs were asked to read. `job_names` is here, because `defs` imports this package.
"""
