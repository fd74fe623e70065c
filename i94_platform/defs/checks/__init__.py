"""The asset checks: blocking ones, which end a run, and others, which warn.

`contract` generates checks from the contracts, `reconciliation` compares row counts, `plausibility` compares shares
with the usual ones, and `completeness` covers all months together.
"""
