"""The variables of the environment that begin with `I94_` and that nothing reads: most often a typing error."""

import difflib
from collections.abc import Iterable

OTHER_VARIABLES = frozenset(
    {
        *("I94_REDSHIFT_PASSWORD", "I94_REDSHIFT_READER_PASSWORD"),
        *("I94_HISTORY_HOST", "I94_HISTORY_PASSWORD", "I94_LOGS_BUCKET", "I94_IMAGE_TAG"),
        *("I94_REAL_DATA", "I94_TEST_LAKE", "I94_TEST_REDSHIFT", "I94_UPDATE_SNAPSHOTS", "I94_UPDATE_SCREENSHOTS"),
    }
)
"""Variables that others than `Settings` read: logins, the deployment, the tests."""


def find_unknown_variables(environment: Iterable[str], settings: Iterable[str]) -> list[str]:
    """Describe each `I94_` variable that nothing reads, with the known one that is most like it.

    Args:
        environment: the names of the variables that are set.
        settings: the names of the settings, as `Settings.model_fields` has them.
    """
    known = {f"I94_{name.upper()}" for name in settings} | OTHER_VARIABLES
    unknown = sorted(name for name in environment if name.upper().startswith("I94_") and name.upper() not in known)
    return [f"{name} is no setting{_suggest(name.upper(), known)}" for name in unknown]


def _suggest(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else "; docs/reference/settings.md lists them."
