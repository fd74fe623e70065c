"""How deliveries spell a missing value: databases, spreadsheets, R, pandas and SAS each in their way."""

_WORDS = {"na", "n/a", "#n/a", "#na", "<na>", "none", "nan", "nat", "nil", "\\n", "-", "--", "?"}
_NULLS = {"null", "(null)", "[null]", "<null>", "#null!"}
_OF_SAS = {".", "._", *(f".{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")}

MISSING = frozenset(_WORDS | _NULLS | _OF_SAS)
"""Spellings of a missing value, in lower case."""
