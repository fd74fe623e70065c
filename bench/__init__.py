"""The benchmark: what the platform costs beside the least that a month could cost on the same machine.

`baseline` is a plain script that reads, casts, writes and loads a month; `subjects` are what is timed, each returning
one reading; `report` is medians, ratios, bounds and the table; `__main__` chooses the delivery and runs the rounds.
Not here: tests (a benchmark says how long, not whether), and any change to what it measures.
"""
