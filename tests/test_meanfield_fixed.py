"""Fixed points of maps: slow ones, repelling ones, none."""

import numpy as np
import pytest

from gru_sym.codegen.functions import Array
from gru_sym.flow.meanfield.fixed import UnboundedError, fixed_point


def counted(step: object) -> tuple[object, list[int]]:
    calls = [0]

    def each(x: Array) -> Array:
        calls[0] += 1
        return step(x)  # type: ignore[operator]

    return each, calls


@pytest.mark.parametrize("rate", [0.1, 0.9, 0.999, 1 - 1e-7])
def test_linear_maps_take_few_steps(rate: float) -> None:
    step, calls = counted(lambda x: rate * x + (1 - rate) * np.array([2.0, 0.5]))
    found = fixed_point(step, np.ones(2))  # type: ignore[arg-type]
    assert found == pytest.approx([2.0, 0.5], abs=2e-16 / (1 - rate) + 1e-12)
    assert calls[0] < 60


def test_two_rates() -> None:
    step = np.array([[0.9, 0.05], [0.1, 0.5]])
    found = fixed_point(lambda x: step @ x + 1, np.ones(2))
    assert found == pytest.approx(np.linalg.solve(np.eye(2) - step, np.ones(2)), rel=1e-11)


def test_a_zero_that_repels_is_left() -> None:
    def step(x: Array) -> Array:
        return 2 * x / (1 + x)

    assert fixed_point(step, np.array([1e-13])) == pytest.approx([1.0], rel=1e-12)


def test_a_zero_that_attracts_is_found() -> None:
    assert fixed_point(lambda x: 0.99 * x, np.ones(1)) == pytest.approx([0.0], abs=1e-12)


@pytest.mark.parametrize("rate", [1 + 1e-9, 1.5])
def test_growth(rate: float) -> None:
    step, calls = counted(lambda x: rate * x + 1)
    with pytest.raises(UnboundedError, match="grows without bound"):
        fixed_point(step, np.ones(1))  # type: ignore[arg-type]
    assert calls[0] < 600


def test_going_round() -> None:
    with pytest.raises(UnboundedError, match="no stationary law"):
        fixed_point(lambda x: 3.9 * x * (1 - x), np.array([0.3]))


def test_what_is_kept_as_it_is() -> None:
    assert fixed_point(lambda x: x, np.array([0.7, 0.2])) == pytest.approx([0.7, 0.2])


def test_a_bottleneck_is_passed() -> None:
    """Just beside a saddle-node, where iteration takes 10,000 steps: x falls through to 0."""

    def step(x: Array) -> Array:
        return x - x * ((x - 0.3) ** 2 + 1e-7)

    assert fixed_point(step, np.ones(1)) == pytest.approx([0.0], abs=1e-9)


def test_no_unknowns() -> None:
    assert fixed_point(lambda x: x, np.empty(0)).shape == (0,)
