"""Random cells, all the way: parse, derive, prove, compile, and the numbers of two oracles.

``GRU_SYM_FUZZ=10000`` tries so many. The report says how many cells were tried, and what became of
them; a cell that is refused is one whose shapes contradict each other.
"""

import warnings
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import strategies as st

from gru_sym.cells import Cell
from gru_sym.codegen.compile import compile
from gru_sym.derive.vjp import BAR, vjp
from gru_sym.errors import ShapeError
from gru_sym.prove.vjp import prove_vjp
from gru_sym.verification.judge import gathered, judged
from gru_sym.verification.oracles import ORACLES
from gru_sym.verification.regimes import REGIMES
from gru_sym.verification.report import TOLERANCE
from tests.fuzzing import examples, fuzz
from tests.random_cells import random_text

PARTS = 6
"""Tests of their own, so that they can run side by side."""
ROWS = [ORACLES["complex_step"], ORACLES["mpmath"]]


def all_the_way(seed: int) -> str:
    """What became of a random cell. Raises where anything is wrong."""
    try:
        cell = Cell.parse(random_text(Random(seed)))
    except ShapeError:
        return "refused"
    derived = {str(v.name) for v in vjp(cell).outputs}
    assert derived == {f"{v.name}{BAR}" for v in cell.program.inputs}
    proof = prove_vjp(cell)
    assert proof.verdict != "refuted", str(proof)
    point = REGIMES["usual"].point(cell, seed)
    found = gathered(REGIMES["usual"], point, ROWS)
    if "mpmath" in found.not_run:  # a logarithm or a root of what is not positive
        return "without a value"
    judgement = judged(compile(cell), found, ORACLES)
    assert not judgement.fault, judgement.fault
    for name, errors in judgement.errors.items():
        for gradient, error in errors.items():
            assert error < TOLERANCE, f"{gradient} is off by {error:.1e} against {name}"
    for name, error in judgement.forward.items():
        assert error < TOLERANCE, f"the forward pass is off by {error:.1e} against {name}"
    assert judgement.errors["mpmath"], "no gradient was judged"
    return proof.verdict


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_random_cells_all_the_way(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    seeds = st.integers(0, 2**40).map(lambda seed: PARTS * seed + part)
    number = -(-examples(300) // PARTS)
    name = f"random cells, part {part + 1} of {PARTS}"
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a logarithm of 0, say: the oracles see it
        outcomes = fuzz(seeds, all_the_way, number, name, record_property)
    assert outcomes["proved"] > 0.7 * outcomes.total()
    assert outcomes["unproved"] <= 0.05 * outcomes.total()
