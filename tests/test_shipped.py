"""The relations that are shipped as proofs."""

import pytest

from gru_sym.cells import names
from gru_sym.cells.builtin import cell
from gru_sym.errors import ShapeError
from gru_sym.prove.equivalent import prove_equivalent
from gru_sym.prove.shipped import RELATIONS, Relation

BY_PAIR = {(r.first, r.second): r for r in RELATIONS}


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda r: f"{r.first}, {r.second}")
def test_relation_has_its_verdict(relation: Relation) -> None:
    proof = relation.proof()
    assert proof.verdict == relation.verdict, str(proof)
    assert relation.title


def test_all_that_is_wanted_is_there() -> None:
    assert {pair: r.verdict for pair, r in BY_PAIR.items()} == {
        ("gru_keep", "gru"): "proved",
        ("gru_concat", "gru"): "proved",
        ("gru", "gru_nobias"): "proved",
        ("gru", "mgu"): "proved",
        ("lstm", "lstm_coupled"): "proved",
        ("gru_reset_after", "gru"): "refuted",
    }
    assert {name for pair in BY_PAIR for name in pair} <= set(names())


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda r: f"{r.first}, {r.second}")
def test_no_line_of_a_mapping_is_idle(relation: Relation) -> None:
    """Without any one of its lines the claim is false, or no claim: there is nothing for show."""
    lines = relation.mapping.splitlines()
    for k in range(len(lines)):
        rest = "\n".join(lines[:k] + lines[k + 1 :])
        try:
            proof = prove_equivalent(cell(relation.first), cell(relation.second), rest)
        except ShapeError:
            continue
        assert proof.verdict != "proved"
