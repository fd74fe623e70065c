"""What is older than what it is made from, and what runs were asked to read.

`plan` compares versions with the warehouse's ledger, `run_inputs` with the tags of past runs, and `completeness` looks
at all months together. The jobs' names are constants here, so that nothing below `defs` imports `defs`.
"""
