"""One update: clip the gradient, then Adam.

Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, Algorithm 1, with
ε outside of the root as there; PyTorch's ``torch.optim.Adam`` computes the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gru_sym.codegen.functions import Array

__all__ = ["Adam", "Moments", "clipped", "norm"]

Arrays = Mapping[str, Array]

_TINY = 1e-6
"""As PyTorch's ``clip_grad_norm_`` adds it to the norm, against a division by zero."""


@dataclass(frozen=True, eq=False)
class Moments:
    """What Adam remembers.

    Attributes:
        step: t, the number of updates so far.
        m: parameter → the running mean of its gradient, not corrected for its start at zero.
        v: parameter → that of the squared gradient.
    """

    step: int
    m: Arrays = field(repr=False)
    v: Arrays = field(repr=False)

    @classmethod
    def zero(cls, params: Arrays) -> "Moments":
        """Those before the first update."""
        m, v = ({name: np.zeros_like(p) for name, p in params.items()} for _ in "mv")
        return cls(0, m, v)


@dataclass(frozen=True)
class Adam:
    """The rule, with its constants.

    Attributes:
        learning_rate: α, about how far a parameter moves in an update.
        betas: β₁ and β₂, how much of the running means each update keeps.
        epsilon: ε, added to the root of the mean square.
    """

    learning_rate: float = 0.001
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def update(
        self, params: Arrays, grads: Arrays, moments: Moments
    ) -> tuple[dict[str, Array], Moments]:
        """The parameters and moments after one update; what is given stays as it is.

        Args:
            params: parameter → array.
            grads: parameter → the gradient of the loss, of the same shape.
            moments: those of the update before, or :meth:`Moments.zero`.
        """
        beta_1, beta_2 = self.betas
        t = moments.step + 1
        rate, root = self.learning_rate / (1 - beta_1**t), (1 - beta_2**t) ** 0.5
        m = {n: beta_1 * moments.m[n] + (1 - beta_1) * grads[n] for n in params}
        v = {n: beta_2 * moments.v[n] + (1 - beta_2) * grads[n] ** 2 for n in params}
        new = {
            n: p - rate * m[n] / (np.sqrt(v[n]) / root + self.epsilon) for n, p in params.items()
        }
        # Arrays also where NumPy makes numbers of them; and in one order, for products of matrices
        # round otherwise in another, and a run that is read from a file would not be the same.
        new, m, v = ({n: np.asarray(a, order="C") for n, a in x.items()} for x in (new, m, v))
        return new, Moments(t, m, v)


def norm(arrays: Arrays) -> float:
    """The Euclidean norm of all entries together, in float64; NaN where one is not finite.

    >>> norm({"W": np.array([[3.0]]), "b": np.array([-4.0])})
    5.0
    """
    if not all(np.isfinite(array).all() for array in arrays.values()):
        return float("nan")
    largest = max((float(np.abs(array).max(initial=0)) for array in arrays.values()), default=0.0)
    if largest == 0:
        return 0.0
    # Scaled, so that squares neither over- nor underflow.
    squares = (np.sum((a.astype(np.float64) / largest) ** 2) for a in arrays.values())
    return largest * float(np.sqrt(sum(squares)))


def clipped(grads: Arrays, length: float, limit: float | None) -> Arrays:
    """The gradients, scaled down together where their norm is above the limit.

    Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks",
    arXiv:1211.5063, Algorithm 1.

    Args:
        grads: parameter → gradient.
        length: their :func:`norm`.
        limit: the longest that they may be; None leaves them as they are.
    """
    scale = 1.0 if limit is None else min(limit / (length + _TINY), 1.0)
    return grads if scale == 1 else {name: grad * scale for name, grad in grads.items()}
