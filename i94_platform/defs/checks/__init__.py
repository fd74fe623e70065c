"""The asset checks: what stops a month, and what only warns.

`contract` generates checks from the contracts, `reconciliation` compares counts, `plausibility` knows what is usual in
these data, `completeness` looks at all months together.
"""
