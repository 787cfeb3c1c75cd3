"""Fixtures that every test may ask for."""

import importlib
import os
from types import ModuleType

import numpy as np
import pytest
from hypothesis import settings

# Symbolic work has no even pace: no deadlines. In CI the examples are the same at every run.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "local"))


@pytest.fixture
def rng() -> np.random.Generator:
    """A random generator with a fixed seed: each test draws the same numbers at every run."""
    return np.random.default_rng(20240501)


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """PyTorch, for cross-checks; a skip where it is absent, a failure under CI_REQUIRE_PEERS=1."""
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError as error:
        reason = f"PyTorch is not installed ({error}); pip install torch==2.13.0"
        if os.environ.get("CI_REQUIRE_PEERS") == "1":
            pytest.fail(f"CI_REQUIRE_PEERS=1, but {reason}")
        pytest.skip(reason)
