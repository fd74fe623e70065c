"""How strongly destination, origin, climate and demographics go together: the rows of `mart.correlations`.

`measures` computes coefficients, `questions` decides what is correlated over which observations, `exclusions` counts
the rest. The `.sql` files read the marts.
"""

from i94_platform.marts.correlations.questions import SOURCES, compute_correlations, render_query

__all__ = ["SOURCES", "compute_correlations", "render_query"]
