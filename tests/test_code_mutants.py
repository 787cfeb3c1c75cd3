"""Generated code, corrupted systematically: the verifier has to see every corruption that matters.

A mutant that the verifier passes has to be harmless: to compute the same values and gradients, as
:func:`tests.mutants.differences` finds by running both, with no part of the verifier in it. What is
left are mutants of complex arithmetic, which no gradient at real arrays has a part in, and such as
change results by less than the verifier's tolerance.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gru_sym import cells
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.verification.judge import Evidence, evidence, gathered, judged
from gru_sym.verification.oracles import ORACLES
from gru_sym.verification.regimes import REGIMES, Regime, drawn
from gru_sym.verification.report import TOLERANCE, Judgement
from tests.fuzzing import report
from tests.mutants import NUMPY, Mutant, code, differences, mutants

LEAST = 40
"""Kinds of corruption that are caught in each cell."""
MOST_PER_KIND = 3
ROWS = [ORACLES[name] for name in ("complex_step", "mpmath")]
LONG = Regime("T = 70", "long enough for all branches", lambda cell, seed: drawn(
    cell, seed, steps=70, gentle=True
))  # fmt: skip


def evidences(cell: cells.Cell) -> list[Evidence]:
    kinds = [REGIMES[name] for name in ("usual", "tiny", "saturated", "huge", "extreme")]
    found = [*evidence(cell, ROWS, kinds), gathered(LONG, LONG.point(cell, 0), ROWS[1:])]
    found += evidence(cell, ROWS[1:], [REGIMES["usual"], REGIMES["saturated"]], seed=1)
    return [each for each in found if each.point is not None]


def corrupted(run: Compiled, mutant: Mutant) -> Compiled:
    """The compiled cell with the functions of a mutant; memory that nobody wrote holds NaN."""
    space: dict[str, Any] = {}
    for part in re.split(r"^(?=def )", mutant.source, flags=re.M):
        exec(code(part, "<mutant>", "exec"), space)
    space["np"] = NUMPY
    return replace(run, source=mutant.source, functions=space)


def caught(judgement: Judgement) -> bool:
    errors = [e for of in judgement.errors.values() for e in of.values()]
    errors += judgement.forward.values()
    return bool(judgement.fault) or not all(error < TOLERANCE for error in errors)


def is_outside(source: str, mutant: Mutant, cell: cells.Cell) -> str:
    """Why a mutant that was passed is none of the verifier's business; empty if it is."""
    found = list(differences(source, mutant.source, cell))
    real = [size for where, size in found if not where.startswith("complex ")]
    if not found:
        return "harmless"
    if not real:
        return "of complex arithmetic alone"
    return "below the tolerance" if max(real) < TOLERANCE else ""


@pytest.mark.slow
@pytest.mark.parametrize("name", cells.names())
def test_every_mutant_is_caught(name: str, record_property: Callable[[str, object], None]) -> None:
    cell = cells.cell(name)
    run = compile(cell)
    known = evidences(cell)
    assert not any(caught(judged(run, each, ORACLES)) for each in known)
    kinds: set[str] = set()
    outcomes: Counter[str] = Counter()
    for mutant in mutants(run.source, MOST_PER_KIND):
        wrong = corrupted(run, mutant)
        if any(caught(judged(wrong, each, ORACLES)) for each in known):
            kinds.add(mutant.kind)
            outcomes["caught"] += 1
            continue
        reason = is_outside(run.source, mutant, cell)
        assert reason, f"{mutant.kind}: {mutant.where} was passed"
        outcomes[reason] += 1
    for outcome, count in outcomes.items():
        record_property(outcome.replace(" ", "_"), count)
    report(record_property, f"mutants of {name}'s code, {len(kinds)} kinds caught", **outcomes)
    assert len(kinds) >= LEAST
