"""Fixtures that every test may ask for."""

import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import settings

from tests.fuzzing import FUZZED

# Symbolic work has no even pace: no deadlines. In CI the examples are the same at every run.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "local"))

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the files in tests/golden/"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the suites of mutants and of random inputs have tried."""
    reports = [each for found in terminalreporter.stats.values() for each in found]
    properties = [pair for each in reports for pair in getattr(each, "user_properties", ())]
    lines = sorted({str(line) for name, line in properties if name == FUZZED})
    if lines:
        terminalreporter.section("tried")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden(name, text)`` compares a text with a file of tests/golden/, or rewrites the file."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{name} is not in tests/golden/; make it with --update-golden"
        assert text == path.read_text(encoding="utf-8")

    return compare


SIDES = ("left", "right")
CONTROL_WORDS = frozenset(
    re.findall(
        "[A-Za-z]+",
        """
        alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau
        upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
        bar overline dot tilde widetilde hat widehat prime mathrm mathbf mathtt text operatorname
        textbackslash textasciitilde textasciicircum frac sqrt sum tanh exp log sin cos partial
        top odot circ cdot to ldots colon quad left right Bigl Bigr begin end
        prod le infty lVert rVert lvert rvert mathbb in times det rho cdots tfrac
        """,
    )
)
"""What our formulas may use: amsmath has it, KaTeX and MathJax too."""


@pytest.fixture(scope="session")
def check_latex() -> Callable[[str], None]:
    """``check_latex(formula)`` holds the rules under which TeX, KaTeX and MathJax accept it."""

    def check(formula: str) -> None:
        tokens = re.findall(r"\\[A-Za-z]+|\\.|\s+|.", formula, re.DOTALL)
        assert all(token.isascii() for token in tokens), formula
        words = {t[1:] for t in tokens if re.fullmatch(r"\\[A-Za-z]+", t)}
        assert words <= CONTROL_WORDS, (words - CONTROL_WORDS, formula)
        for row in formula.split("\\\\\n"):
            lefts, rights = (len(re.findall(rf"\\{side}(?![A-Za-z])", row)) for side in SIDES)
            assert lefts == rights, row
        assert formula.count(r"\begin{aligned}") == formula.count(r"\end{aligned}")
        assert "begin" in words or "&" not in formula
        scripts: list[set[str]] = [set()]  # what the current atom has, for each open brace
        for token in tokens:
            if token == "{":
                scripts.append(set())
            elif token == "}":
                scripts.pop()
                assert scripts, f"a brace too many: {formula}"
            elif token in {"_", "^", "'"}:
                script = "^" if token == "'" else token
                assert script not in scripts[-1], f"two of {script}: {formula}"
                scripts[-1].add(script)
                continue
            if token not in {"{", "}"} or (token == "{" and not scripts[-2]):
                scripts[-1 if token != "{" else -2].clear()
        assert len(scripts) == 1, f"a brace too few: {formula}"

    return check


@pytest.fixture
def rng() -> np.random.Generator:
    """A random generator with a fixed seed: each test draws the same numbers at every run."""
    return np.random.default_rng(20240501)


@pytest.fixture(scope="session")
def peer() -> Callable[[str], ModuleType]:
    """``peer("torch")``: an optional library; a skip where it is absent.

    Under CI_REQUIRE_PEERS=1 its absence is a failure.
    """

    def find(name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            reason = f"{name} is not installed ({error})"
            if os.environ.get("CI_REQUIRE_PEERS") == "1":
                pytest.fail(f"CI_REQUIRE_PEERS=1, but {reason}")
            pytest.skip(reason)

    return find


@pytest.fixture(scope="session")
def torch(peer: Callable[[str], ModuleType]) -> ModuleType:
    """PyTorch, for cross-checks."""
    return peer("torch")
