"""Fixtures of the command line's tests."""

from tests.cli.stub import model, pipeline

__all__ = ["model", "pipeline"]
