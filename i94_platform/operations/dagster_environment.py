"""The environment in which Dagster's own commands work on a deployment from any folder."""

from __future__ import annotations

import os

from pydantic import SecretStr

from i94_platform.settings import Settings

SECRET_VARIABLES = (
    "I94_REDSHIFT_PASSWORD",
    "I94_REDSHIFT_READER_PASSWORD",
    "PGPASSWORD",
    "AWS_SECRET_ACCESS_KEY",
    "SPARK_CONNECT_AUTHENTICATE_TOKEN",
)
"""Secrets of a deployment that stand in the environment beside its settings. Addresses hold none: they are refused."""

_ADDRESSES = ("home", "lake", "raw", "spark_jars", "warehouse")
"""Settings that depend on the working directory where they are not set."""


def build_environment(settings: Settings) -> dict[str, str]:
    """Return the variables: DAGSTER_HOME, and each setting that is an address or was set, but no secret."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    if settings.redshift_address is None:
        values["warehouse"] = f"duckdb:///{settings.warehouse_path}"  # the setting may be relative
    given = {name: value for name, value in values.items() if name in {*_ADDRESSES, *settings.model_fields_set}}
    variables = {f"I94_{name.upper()}": str(v) for name, v in given.items() if not isinstance(v, SecretStr)}
    return {"DAGSTER_HOME": str(settings.dagster_home), **dict(sorted(variables.items()))}


def find_secret_variables() -> list[str]:
    """Find the variables of this process that hold a secret which the commands need."""
    settings = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
    names = (*(f"I94_{name.upper()}" for name in settings), *SECRET_VARIABLES)
    return [name for name in names if os.environ.get(name)]
