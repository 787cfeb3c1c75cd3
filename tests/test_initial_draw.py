"""Initial parameters by each scheme, for every cell; row 14 of the reference results."""

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell, stack
from gru_sym.codegen import compile
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.flow.initial.draw import SCHEMES, draw, orthogonal
from gru_sym.flow.initial.gates import skip_gates
from gru_sym.flow.initial.roles import kinds, matrices
from gru_sym.flow.meanfield.edge import spectral_radius_at_zero

H = 400


def sizes_of(cell: Cell) -> dict[str, int]:
    """Sizes that are all different."""
    names = {n: None for v in cell.program.variables for dim in v.shape for n in dim}
    return {name: 4 + k for k, name in enumerate(sorted(names))}


def at_zero(cell: Cell, params: dict[str, Array]) -> Array:
    """The Jacobian at the zero state and zero input, with zero biases."""
    params = params | {n: np.zeros_like(v) for n, v in params.items() if v.ndim == 1}
    run = compile(cell)
    return run.jacobians(run.forward(params, np.zeros((1, params["W_z"].shape[1]))))[0]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", cells.names())
def test_every_cell(name: str, scheme: str) -> None:
    cell = cells.cell(name)
    gates = skip_gates(cell)
    if scheme in ("chrono", "uniform_gate") and not gates:
        with pytest.raises(UnsupportedError, match=f"`{name}` has no skip gate"):
            draw(cell, sizes_of(cell), scheme, seed=0, horizon=50)
        return
    sizes = sizes_of(cell)
    found = draw(cell, sizes, scheme, seed=5, horizon=50)
    other = draw(cell, sizes, scheme, seed=6, horizon=50)
    assert list(found) == [v.name for v in cell.params]
    for var in cell.params:
        value = found[str(var.name)]
        assert value.shape == tuple(sum(sizes[n] for n in dim) for dim in var.shape)
        assert value.dtype == np.float64
        assert np.isfinite(value).all()
        assert value.ndim < 2 or not np.array_equal(value, other[str(var.name)])
    for parameter, kind in kinds(cell).items():
        if kind == "gain":
            assert (found[parameter] == 1).all()


def test_a_seed_draws_the_same_again() -> None:
    first, again = (draw(cells.gru, {"H": 4, "I": 3}, "keras", seed=5) for _ in range(2))
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_streams_are_a_parameter_s_own() -> None:
    sizes = {"H": 4, "I": 3}
    for scheme in ("torch", "orthogonal", "normal"):
        more = draw(cells.gru, sizes, scheme, seed=1)
        fewer = draw(cells.gru3, sizes, scheme, seed=1)
        assert all(np.array_equal(more[name], value) for name, value in fewer.items())


def test_torch_is_uniform_within_one_over_root_h() -> None:
    found = draw(cells.lstm_peephole, {"H": 100, "I": 7}, "torch", seed=0)
    for value in found.values():
        assert np.abs(value).max() <= 0.1
        assert value.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.2)


def test_keras_kernels() -> None:
    found = draw(cells.lstm, {"H": 30, "I": 200}, "keras", seed=0)
    block = np.hstack([found[f"U_{g}"].T for g in "ifgo"])
    assert np.allclose(block @ block.T, np.eye(30), atol=1e-13)
    limit = np.sqrt(6 / (200 + 4 * 30))
    for gate in "ifgo":
        assert 0.99 * limit < np.abs(found[f"W_{gate}"]).max() <= limit
        assert (found[f"b_{gate}"] == (1 if gate == "f" else 0)).all()
    assert not draw(cells.gru, {"H": 3, "I": 2}, "keras", seed=0)["b_z"].any()


def test_orthogonal_and_normal() -> None:
    found = draw(cells.gru_concat, {"H": 50, "I": 80}, "orthogonal", seed=0)
    for gate in "zrh":
        recurrent, of_input = np.hsplit(found[f"W_{gate}"], [50])
        assert np.allclose(recurrent @ recurrent.T, np.eye(50), atol=1e-13)
        assert 0.99 < np.abs(of_input).max() / np.sqrt(6 / 130) <= 1
    found = draw(cells.gru_concat, {"H": 50, "I": 80}, "normal", seed=0)
    recurrent, of_input = np.hsplit(found["W_h"], [50])
    assert recurrent.std() == pytest.approx(50**-0.5, rel=0.05)
    assert of_input.std() == pytest.approx(80**-0.5, rel=0.05)
    assert not found["b_h"].any()


def test_orthogonal_is_haar() -> None:
    """The trace of a Haar matrix has variance 1; without the signs of R it has a mean."""
    rng = np.random.default_rng(0)
    traces = [np.trace(orthogonal(rng.standard_normal((6, 6)))) for _ in range(2000)]
    assert abs(np.mean(traces)) < 0.08
    assert np.var(traces) == pytest.approx(1, abs=0.1)
    wide = orthogonal(rng.standard_normal((3, 8)))
    assert np.allclose(wide @ wide.T, np.eye(3))


def test_gain_acts_on_the_recurrent_matrices_alone() -> None:
    for cell in (cells.gru_concat, stack(cells.gru, cells.lstm)):
        sizes = sizes_of(cell)
        plain = draw(cell, sizes, "torch", seed=0)
        scaled = draw(cell, sizes, "torch", seed=0, gain=3.0)
        for name, value in plain.items():
            ratio = scaled[name] / value
            if name not in matrices(cell):
                assert (ratio == 1).all()
                continue
            at = 0
            for columns in matrices(cell)[name]:
                dim = cell.program.variable(name).shape[1][slice(*columns.bounds)]
                width = sum(sizes[n] for n in dim)
                assert np.allclose(ratio[:, at : at + width], 3.0 if columns.recurrent else 1.0)
                at += width


def test_bias_keeps_more() -> None:
    for name, sign in (("gru", -1), ("gru_keep", 1)):
        cell = cells.cell(name)
        plain = draw(cell, {"H": 4, "I": 3}, "orthogonal", seed=0)
        moved = draw(cell, {"H": 4, "I": 3}, "orthogonal", seed=0, bias=2.0)
        assert (moved["b_z"] == 2.0 * sign).all()
        assert all(np.array_equal(moved[n], v) for n, v in plain.items() if n != "b_z")
    both = draw(cells.minlstm, {"H": 4, "I": 3}, "normal", seed=0, bias=2.0)
    assert (both["b_f"] == 2.0).all()
    assert (both["b_i"] == -2.0).all()


def test_of_two_biases_in_one_sum_one_is_set() -> None:
    text = """
z = sigmoid(W_z @ x + b_iz + U_z @ h + b_hz)
h_next = (1 - z) * h + z * tanh(W_h @ x + U_h @ h)"""
    found = draw(Cell.parse(text), {"H": 500, "I": 2}, "chrono", seed=0, horizon=1000, bias=1.0)
    assert not found["b_hz"].any()
    assert -np.log(999) - 1 <= found["b_iz"].min() <= found["b_iz"].max() <= -1


@pytest.mark.parametrize("scheme", ["chrono", "uniform_gate"])
def test_signs_and_counterparts(scheme: str) -> None:
    sizes = {"H": 1000, "I": 2}
    lstm = draw(cells.lstm, sizes, scheme, seed=0, horizon=1000)
    assert np.array_equal(lstm["b_i"], -lstm["b_f"])
    keeping = {"gru": -1, "gru_keep": 1, "gru_reset_after": 1}
    for name, sign in keeping.items():
        logit = sign * draw(cells.cell(name), sizes, scheme, seed=0, horizon=1000)["b_z"]
        skip = 1 / (1 + np.exp(-logit))
        wanted = 0.99377 if scheme == "chrono" else 0.5
        assert skip.mean() == pytest.approx(wanted, abs=0.002 if scheme == "chrono" else 0.03)
        if scheme == "chrono":
            assert logit.min() >= 0
            assert logit.max() <= np.log(999)


@pytest.mark.parametrize(("scheme", "quantile"), [("torch", 0.9), ("keras", 0.9 * 3 / 2.9)])
def test_row_14_default_recurrent_matrices(scheme: str, quantile: float) -> None:
    """The eigenvalues of U fill the disc of radius 1/√3, and ρ(J) is 0.64434.

    ρ(U) itself has outliers, 2 to 7 % above 1/√3 at H = 400, where the disc's radius, told from the
    modulus that 9 in 10 do not exceed, is right to 1 %. The squared modulus is uniform for
    independent entries; for a block of an orthogonal matrix x of it holds 2 x / (1 − x) (Życzkowski
    & Sommers 2000, arXiv:chao-dyn/9910032).
    """
    discs, radii = [], []
    for seed in range(3):
        params = draw(cells.gru, {"H": H, "I": 2}, scheme, seed=seed)
        values = np.linalg.eigvals(params["U_h"])
        assert 1 < np.abs(values).max() * np.sqrt(3) < 1.08
        discs.append(np.quantile(np.abs(values), 0.9) * np.sqrt(3 / quantile))
        step = at_zero(cells.gru, params)
        assert np.abs(step - (np.eye(H) / 2 + params["U_h"] / 4)).max() < 1e-15
        radii.append(np.abs(1 / 2 + values / 4).max())
    assert np.mean(discs) == pytest.approx(1, rel=0.015)
    assert np.mean(radii) == pytest.approx(0.64434, rel=0.01)
    assert radii == pytest.approx([0.64434] * 3, rel=0.015)


def test_row_14_in_the_limit() -> None:
    assert spectral_radius_at_zero(cells.gru, weights=1 / 3) == pytest.approx(0.64434, abs=5e-6)


def test_row_14_orthogonal_matrices_bound_the_powers() -> None:
    """J = I/2 + U/4 at the zero state is normal, of norm at most 3/4.

    It is the orthogonal matrix and z = r = 1/2 that make it so: away from the zero state, a
    saturated gate can keep all, and the bound is gone.
    """
    params = draw(cells.gru, {"H": H, "I": 2}, "orthogonal", seed=0)
    step = at_zero(cells.gru, params)
    for k in (1, 2, 3, 10, 40):
        power = np.linalg.matrix_power(step, k)
        assert np.linalg.norm(power, 2) <= 0.75**k * (1 + 1e-12)


def test_refused() -> None:
    sizes = {"H": 4, "I": 3}
    with pytest.raises(DataError, match=r"no scheme `chron`(.|\n)*did you mean `chrono`\?"):
        draw(cells.gru, sizes, "chron", seed=0)
    with pytest.raises(DataError, match="the horizon is None"):
        draw(cells.gru, sizes, "chrono", seed=0)
    with pytest.raises(DataError, match="the size I is absent"):
        draw(cells.gru, {"H": 4}, "torch", seed=0)
    with pytest.raises(DataError, match="the seed is -1"):
        draw(cells.gru, sizes, "torch", seed=-1)
    with pytest.raises(DataError, match="gain and bias are nan"):
        draw(cells.gru, sizes, "torch", seed=0, gain=np.nan)
    with pytest.raises(UnsupportedError, match="`rnn` has no skip gate"):
        draw(cells.rnn, sizes, "torch", seed=0, bias=1.0)
