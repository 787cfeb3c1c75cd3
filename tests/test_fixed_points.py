"""At a fixed point under constant input the update gate carries no gradient (h̃ = h there)."""

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.flow import Linearised, linearised

H = 7


def _at_rest(made: Cell, seed: int, update: float = 0.0) -> Linearised:
    """One step from a fixed point, which the cell finds by itself."""
    rng = np.random.default_rng(seed)
    params = {str(v.name): rng.normal(size=(H,) * len(v.shape)) / H**0.5 for v in made.params}
    params = {n: a + update * (n == "b_z") for n, a in params.items()}
    x = rng.normal(size=(1, H))
    state = linearised(made, params, np.tile(x, (20_000, 1))).trajectory.hs[-1]
    steps = linearised(made, params, x, state)
    assert np.abs(steps.trajectory.hs[-1] - state).max() < 1e-15
    return steps


def _matrices(steps: Linearised) -> dict[str, np.ndarray]:
    parts = steps.left(0, np.eye(H)[:, None])[:, :, 0]
    return dict(zip(steps.names, parts, strict=True))


@pytest.mark.parametrize("name", ["gru", "gru_keep", "gru_reset_after", "ugrnn"])
@pytest.mark.parametrize("seed", range(3))
def test_no_gradient_through_the_update_gate(name: str, seed: int) -> None:
    parts = _matrices(_at_rest(getattr(cells, name), seed))
    whole = sum(parts.values())
    assert np.abs(parts["update"]).max() <= 1e-14 * np.abs(whole).max()


@pytest.mark.parametrize("update", [-2.0, 0.0, 2.0])
def test_whether_an_eigenvalue_is_1_does_not_depend_on_z(update: float) -> None:
    """det(J - I) = ∏z · det(∂h̃/∂h - I), the gate held open or nearly shut."""
    steps = _at_rest(cells.gru, 0, update)
    whole = sum(_matrices(steps).values())
    values = {
        n: a[0] for n, a in steps.trajectory.values.items() if n in {"z", "r", "h", "h_tilde"}
    }
    z, r, h, h_tilde = (values[n] for n in ("z", "r", "h", "h_tilde"))
    U_h, U_r = (steps.trajectory.stored[n] for n in ("U_h", "U_r"))
    inner = np.diag(r) + np.diag(h * r * (1 - r)) @ U_r
    candidate = np.diag(1 - h_tilde**2) @ U_h @ inner
    left = np.linalg.det(whole - np.eye(H))
    right = np.prod(z) * np.linalg.det(candidate - np.eye(H))
    assert left == pytest.approx(right, rel=1e-12)
