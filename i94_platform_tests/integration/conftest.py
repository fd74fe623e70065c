"""The loaded deployment that the tests of this folder look at or break copies of."""

from i94_platform_tests.support.fixtures import loaded

__all__ = ["loaded"]
