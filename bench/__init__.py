"""Benchmarks: they measure how long the platform takes, beside the least that a month takes on the same machine.

`python -m bench` compares a month with a plain script: `baseline` is that script, `subjects` times it and the platform,
`report` computes the results and holds the bounds. `load`, `start` and `ticks` are benchmarks of their own.
"""
