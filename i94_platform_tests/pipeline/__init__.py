"""Tests of the steps without Dagster."""
