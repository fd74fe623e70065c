"""Benchmarks: what a month costs beside scripts on the same machine, and what API, dashboard and sensors cost.

`python -m bench` measures the parts, `results` stores what was measured, and `page` writes docs/benchmarks.md from it.
"""
