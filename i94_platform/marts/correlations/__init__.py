"""How strongly destination, origin, climate and demographics go together: the rows of `mart.correlations`.

`questions` decides what is correlated for which periods and variants, `variables` says it in words, `observations`
holds the arrivals, `exclusions` counts what is left out, and `measures` computes coefficients. The `.sql` files read
the marts.
"""

from i94_platform.marts.correlations.questions import SOURCES, compute_correlations, render_query

__all__ = ["SOURCES", "compute_correlations", "render_query"]
