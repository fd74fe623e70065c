"""Staleness: which assets are older than their inputs, and which runs have to follow.

`plan` compares data versions with the warehouse's ledger, for the command line. `run_inputs` reads and writes the tags
that say what a run had to read, for sensors and schedules. `completeness` finds the months that need attention.
`job_names` is here and not in `defs`, because `defs` imports this package.
"""
