"""Relations between the built-in cells that are shipped as proofs."""

from dataclasses import dataclass

from gru_sym.cells.builtin import cell
from gru_sym.prove.equivalent import prove_equivalent
from gru_sym.prove.result import Proof

__all__ = ["RELATIONS", "Relation"]


@dataclass(frozen=True)
class Relation:
    """A claim that the first cell is the second under a mapping, and whether it is true.

    Attributes:
        first: the name of a built-in cell.
        second: that of another.
        mapping: the change of parameters, as in :func:`~gru_sym.prove.equivalent.prove_equivalent`.
        verdict: ``proved`` or ``refuted``.
        title: the claim in words.
    """

    first: str
    second: str
    mapping: str
    verdict: str
    title: str

    def proof(self) -> Proof:
        """Prove (or refute) it now."""
        return prove_equivalent(cell(self.first), cell(self.second), self.mapping)


def _lines(*lines: str) -> str:
    return "\n".join(lines)


RELATIONS = (
    Relation(
        "gru_keep",
        "gru",
        _lines("W_z = -W_z", "U_z = -U_z", "b_z = -b_z"),
        "proved",
        "a gate that keeps is a gate that updates, with the signs of its parameters turned",
    ),
    Relation(
        "gru_concat",
        "gru",
        _lines("W_z = [U_z, W_z]", "W_r = [U_r, W_r]", "W_h = [U_h, W_h]"),
        "proved",
        "one matrix on [h, x] is a matrix on h beside a matrix on x",
    ),
    Relation(
        "gru",
        "gru_nobias",
        _lines("b_z = 0", "b_r = 0", "b_h = 0"),
        "proved",
        "the GRU without biases is the GRU at zero biases",
    ),
    Relation(
        "gru",
        "mgu",
        _lines(
            *(f"{kind}_{gate} = {kind}_f" for gate in "zr" for kind in "WUb"),
        ),
        "proved",
        "the minimal gated unit is the GRU with its two gates tied",
    ),
    Relation(
        "lstm",
        "lstm_coupled",
        _lines("W_i = -W_f", "U_i = -U_f", "b_i = -b_f"),
        "proved",
        "the LSTM with coupled gates is the LSTM whose input gate has the forget gate's "
        "parameters with turned signs",
    ),
    Relation(
        "gru_reset_after",
        "gru",
        _lines("W_z = -W_z", "U_z = -U_z", "b_z = -b_z", "b_hn = 0 * b_h"),
        "refuted",
        "a reset after the product is not a reset before it, even without the second bias",
    ),
)
"""What is known of the built-in cells: which are the same, and under which mapping.

The last is false, and shipped as its refutation.
"""
